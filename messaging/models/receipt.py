"""What providers reported, as they reported it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.models.message import Message

# So long a receipt may wait for us to learn whose it is.
PATIENCE = timedelta(hours=72)


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def orphaned(self, now: datetime) -> ReceiptQuerySet:
        """Those for messages that we do not know, and will not."""
        return self.filter(message=None, received_at__lt=now - PATIENCE)


class Receipt(models.Model):
    """
    One receipt, kept whether or not it changed anything, and also when we do not know the message (yet).

    A receipt may overtake the answer to the call that sent the message; it is matched when the reference is learnt.
    """

    provider = models.CharField(_("provider"), max_length=32)
    event_id = models.CharField(_("event id"), max_length=200)
    message = models.ForeignKey(
        Message, models.CASCADE, null=True, blank=True, related_name="receipts", verbose_name=_("message")
    )
    reference = models.CharField(_("provider's reference"), max_length=200, blank=True)
    news = models.CharField(_("news"), max_length=16)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    # Of opening and clicking: the link, and by what a machine gave itself away.
    url = models.TextField(_("link"), blank=True)
    bot_because = models.CharField(_("a machine, by its"), max_length=40, blank=True)
    raw = models.JSONField(_("as received"), default=dict, blank=True)
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"))

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("receipt"), _("receipts")
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="receipt_once")]
        indexes = [
            # outbox.receipts: those that came before we knew the reference.
            models.Index(fields=["provider", "reference"], name="receipt_unmatched", condition=models.Q(message=None))
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.news} {self.reference}"
