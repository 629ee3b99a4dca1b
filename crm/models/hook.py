"""Outgoing webhooks: who is told of which facts, and every delivery that is owed or was made."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.lib import vault
from crm.lib.ids import uuid7
from crm.models.customer import Customer

# Why a call did not arrive (crm.hooks.calls, crm.hooks.deliver, crm.services.hooks).
_REASONS: dict[str, str | Promise] = {
    "blocked_address": _("leads into our own network"),
    "no_answer": _("no answer"),
    "refused": _("refused"),
    "gone": _("gone for good"),
    "no_secret": _("the secret cannot be read"),
    "too_large": _("too large"),
    "template_error": _("its text could not be filled in"),
}


class HookSecret(models.Model):
    """The secret that the shop's own flows sign their calls with; made when it is first needed. One row."""

    sealed = models.TextField(editable=False)

    class Meta:
        verbose_name = verbose_name_plural = _("signing secret of flows")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    @property
    def secret(self) -> str:
        """
        Raises:
            CannotUnseal: sealed with another CREDENTIALS_KEY.
        """
        return str(vault.unseal(self.sealed)["secret"])


class WebhookEndpoint(models.Model):
    """
    Somebody who wants to be told of facts. `events` are names of the event log.

    `disabled_at` says that we gave up on it, with the reason; staff switch it on again.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    url = models.URLField(_("address"), max_length=500)
    description = models.CharField(_("description"), max_length=200, blank=True)
    events = models.JSONField(_("events"), default=list)
    sealed = models.TextField(editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    disabled_at = models.DateTimeField(_("given up"), null=True, blank=True, editable=False)
    disabled_reason = models.CharField(_("because"), max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False,
        verbose_name=_("made by"),
    )  # fmt: skip

    class Meta:
        verbose_name, verbose_name_plural = _("webhook endpoint"), _("webhook endpoints")

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def secret(self) -> str:
        """
        Raises:
            CannotUnseal: sealed with another CREDENTIALS_KEY.
        """
        return str(vault.unseal(self.sealed)["secret"])


class HookDeliveryQuerySet(models.QuerySet["HookDelivery"]):
    def owed(self) -> HookDeliveryQuerySet:
        """Still to be made; those to an endpoint that is switched off wait for it."""
        return self.filter(
            models.Q(endpoint=None) | models.Q(endpoint__is_active=True),
            state__in=[HookDelivery.State.QUEUED, HookDelivery.State.SENDING],
        )

    def ended_before(self, before: datetime) -> HookDeliveryQuerySet:
        ended = [HookDelivery.State.DELIVERED, HookDelivery.State.FAILED]
        return self.filter(state__in=ended, ended_at__lt=before)

    def overdue(self, before: datetime) -> HookDeliveryQuerySet:
        return self.owed().filter(due_at__lt=before)


class HookDelivery(models.Model):
    """
    One call that is owed to somebody, with the very bytes of its body. Written by crm.services.hooks and crm.hooks.

    `public_id` is the `webhook-id`, the same on every try; `dedupe_key` names the cause, so that one cause is one row.
    A lease token fences what a worker writes about a row it has lost.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("being sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    dedupe_key = models.CharField(_("dedupe key"), max_length=200, unique=True)
    endpoint = models.ForeignKey(
        WebhookEndpoint, models.CASCADE, null=True, blank=True, related_name="deliveries", db_index=False,
        verbose_name=_("endpoint"),
    )  # fmt: skip
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="hook_deliveries", verbose_name=_("customer")
    )
    url = models.URLField(_("address"), max_length=500)
    event = models.CharField(_("event"), max_length=200)
    body = models.TextField(_("body"))
    cause = models.JSONField(_("cause"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.QUEUED)
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    queued_at = models.DateTimeField(_("queued"))
    # While it is being sent: when its lease ends, and another worker may take it.
    due_at = models.DateTimeField(_("next try"))
    # When it is given up; a replay sets it anew.
    expires_at = models.DateTimeField(_("given up after"))
    tried_at = models.DateTimeField(_("last try"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True, editable=False)

    objects = HookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("webhook delivery"), _("webhook deliveries")
        indexes = [
            # crm.hooks.claims: what is due, a lease that ran out included.
            models.Index(
                fields=["due_at", "id"], name="hook_delivery_due", condition=models.Q(state__in=["queued", "sending"])
            ),
            # An endpoint's page, and the API's list.
            models.Index(fields=["endpoint", "-id"], name="hook_delivery_by_endpoint"),
            # What has served its time (crm.tasks.prune).
            models.Index(
                fields=["ended_at"], name="hook_delivery_ended", condition=models.Q(state__in=["delivered", "failed"])
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"#{self.pk} {self.event} {self.state}"

    @property
    def reason_label(self) -> str | Promise:
        """Why it was not taken, in words."""
        return _REASONS.get(self.reason, self.reason)

    @property
    def webhook_id(self) -> str:
        """What the receiver knows it by."""
        return f"msg_{self.public_id.hex}"
