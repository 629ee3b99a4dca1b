"""How each channel is sent: which provider, as whom, and whether at all."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.lib import vault
from crm.models import Channel
from messaging.channels import registry

SANDBOX = "sandbox"
no_line_breaks = RegexValidator(r"^[^\x00-\x1f\x7f]*\Z", _("Line breaks and control characters are not allowed."))


def new_hook_token() -> str:
    return secrets.token_urlsafe(32)


class ChannelSettings(models.Model):
    """
    One row a channel; a channel without a row cannot be reached.

    `is_on` is its kill switch: off, its messages stay queued and nothing is lost.
    """

    channel = models.CharField(_("channel"), max_length=8, choices=Channel, unique=True)
    provider = models.CharField(_("provider"), max_length=32)
    sender = models.CharField(_("sender"), max_length=100, blank=True, validators=[no_line_breaks])
    is_on = models.BooleanField(_("sending"), default=True)
    max_per_second = models.PositiveIntegerField(_("messages per second"), default=0, help_text=_("0: no limit"))
    sealed_config = models.TextField(blank=True, editable=False)
    # In the addresses that providers call: not guessed, and changed with the account.
    hook_token = models.CharField(max_length=43, unique=True, default=new_hook_token, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("channel"), _("channels")
        ordering = ["channel"]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} ({self.provider})"

    def clean(self) -> None:
        known = registry.serving(self.channel)
        if self.provider not in known:
            raise ValidationError({"provider": _("Providers for this channel are %s.") % ", ".join(known)})

    @property
    def config(self) -> dict[str, Any]:
        """
        The provider's settings and credentials. Never shown back.

        Raises:
            crm.lib.vault.CannotUnseal: CREDENTIALS_KEY was changed since.
        """
        return vault.unseal(self.sealed_config)

    @config.setter
    def config(self, value: dict[str, Any]) -> None:
        self.sealed_config = vault.seal(value)

    @classmethod
    def sends_to_sandbox(cls, channel: str) -> bool:
        """Whether messages of `channel` end on the sandbox phone rather than with people."""
        return cls.objects.filter(channel=channel, provider=SANDBOX).exists()


class ProviderState(models.Model):
    """
    What all workers must agree on about one channel's provider: its circuit breaker and its token bucket.

    Written by `messaging.outbox.flow` only.
    """

    class Breaker(models.TextChoices):
        CLOSED = "closed", _("closed")  # all is well
        OPEN = "open", _("open")  # failing: one probe at a time, at `probe_at`
        TRIPPED = "tripped", _("waits for a person")  # our credentials are refused

    channel = models.OneToOneField(
        ChannelSettings, models.CASCADE, related_name="flow", primary_key=True, verbose_name=_("channel")
    )
    breaker = models.CharField(_("circuit"), max_length=8, choices=Breaker, default=Breaker.CLOSED)
    probe_at = models.DateTimeField(_("next probe"), null=True, blank=True)
    window_started_at = models.DateTimeField(null=True, blank=True)
    calls = models.PositiveIntegerField(_("calls"), default=0)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    refusals = models.PositiveIntegerField(_("refusals"), default=0)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    tokens = models.FloatField(_("tokens"), default=0)
    filled_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("provider state"), _("provider states")

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.breaker}"
