"""Links of our own domain: what stands in messages instead of long addresses, and who followed them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from messaging.models.message import Message


class ShortLink(models.Model):
    """
    One address in one message. Written in the transaction that marks the message as on the wire.

    `is_way_out` marks our own pages for opting out: following one is no sign of interest in what the message says, and
    these lead on for ever. The others do for as long as the shop says (MessagingSettings.keep_links_days).
    """

    token = models.CharField(_("token"), max_length=16)
    message = models.ForeignKey(Message, models.CASCADE, related_name="links", verbose_name=_("message"))
    url = models.TextField(_("leads to"))
    is_way_out = models.BooleanField(_("leads out"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("short link"), _("short links")
        # Not `unique=True`, which on PostgreSQL is two indexes.
        constraints = [models.UniqueConstraint(fields=["token"], name="short_link_unique")]

    def __str__(self) -> str:
        return self.token


class Click(models.Model):
    """
    One call of a short link.

    `bot_because` says by what a machine gave itself away, "" for a person. `ip` is cut to its network (/24, /48) and
    removed after 30 days.
    """

    link = models.ForeignKey(ShortLink, models.CASCADE, related_name="clicks", verbose_name=_("short link"))
    at = models.DateTimeField(_("when"))
    ip = models.GenericIPAddressField(_("network"), null=True, blank=True)
    user_agent = models.CharField(_("program"), max_length=200, blank=True)
    bot_because = models.CharField(_("a machine, by its"), max_length=40, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("click"), _("clicks")
        # The nightly job that forgets addresses.
        indexes = [models.Index(fields=["at"], name="click_with_ip", condition=models.Q(ip__isnull=False))]

    def __str__(self) -> str:
        return f"{self.link_id} {self.at:%Y-%m-%d %H:%M}"

    @property
    def is_bot(self) -> bool:
        return bool(self.bot_because)
