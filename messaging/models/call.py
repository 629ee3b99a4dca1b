"""What came to our doors: calls that providers made, and those that were turned away."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Channel


class ProviderCallQuerySet(models.QuerySet["ProviderCall"]):
    def open(self) -> ProviderCallQuerySet:
        """Taken, but not all that they told has been worked off."""
        return self.filter(processed_at=None)

    def due(self, now: datetime) -> ProviderCallQuerySet:
        return self.open().filter(retry_at__lte=now)


class ProviderCall(models.Model):
    """
    A call that was verified, as it came, and what of it has not been worked off yet.

    `told` is what the provider read out of it (messaging.channels.calls.Heard as JSON); what has been worked off leaves
    it, so that a fault in one event holds up none of the others. Headers that may carry credentials are not kept.
    """

    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    provider = models.CharField(_("provider"), max_length=32)
    what = models.CharField(_("door"), max_length=8)
    method = models.CharField(_("method"), max_length=8)
    query = models.JSONField(_("query"), default=dict, blank=True)
    headers = models.JSONField(_("headers"), default=dict, blank=True)
    body = models.BinaryField(_("body"), editable=False)
    told = models.JSONField(_("not worked off yet"), default=dict, blank=True)
    received_at = models.DateTimeField(_("received"))
    processed_at = models.DateTimeField(_("worked off"), null=True, blank=True)
    retry_at = models.DateTimeField(_("next try"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    fault = models.CharField(_("fault"), max_length=500, blank=True)

    objects = ProviderCallQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("call of a provider"), _("calls of providers")
        indexes = [
            # services.calls: what is to be tried again.
            models.Index(fields=["retry_at"], name="provider_call_due", condition=models.Q(processed_at=None)),
            # tasks.prune: what has served its time.
            models.Index(fields=["processed_at"], name="provider_call_processed"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.what} #{self.pk}"


class RefusedCalls(models.Model):
    """
    How often calls to a channel's doors were turned away for one reason, and when and from where the last one came.

    `channel` is "" for calls to an address that no channel has.
    """

    channel = models.CharField(_("channel"), max_length=8, choices=Channel, blank=True)
    code = models.CharField(_("reason"), max_length=32)
    count = models.PositiveBigIntegerField(_("calls"), default=0)
    last_at = models.DateTimeField(_("last"))
    last_from = models.CharField(_("from"), max_length=45, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("refused calls")
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["channel", "code"], name="refused_calls_unique")]

    def __str__(self) -> str:
        return f"{self.channel or '-'} {self.code}: {self.count}"
