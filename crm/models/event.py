"""The event log: append-only facts about customers. Written only by crm.events.log."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from crm.events import types
from crm.models.customer import Customer


class EventQuerySet(models.QuerySet["Event"]):
    def for_timeline(self, customer: Customer) -> EventQuerySet:
        """The customer's facts, newest first."""
        return self.filter(customer=customer).order_by("-occurred_at", "-id")


class Event(models.Model):
    """A fact, with both clocks: `occurred_at` in the world, `received_at` when we learnt of it."""

    # Its index is event_timeline.
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="events", db_index=False, verbose_name=_("customer")
    )
    name = models.CharField(_("event"), max_length=200)
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"))
    source = models.CharField(_("source"), max_length=64)
    dedupe_key = models.CharField(_("dedupe key"), max_length=200)
    properties = models.JSONField(_("properties"), default=dict)
    object_type = models.CharField(_("record"), max_length=32, blank=True)
    object_id = models.BigIntegerField(_("record number"), null=True, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("event"), _("events")
        constraints = [models.UniqueConstraint(fields=["source", "dedupe_key"], name="event_once")]
        indexes = [
            # The timeline, and "how often did this customer do X": rules and the stage machine.
            models.Index(fields=["customer", "-occurred_at", "-id"], name="event_timeline"),
            models.Index(fields=["customer", "name", "occurred_at"], name="event_by_customer_name"),
            # Rules counted from the event's side: who did X since then.
            models.Index(fields=["name", "occurred_at", "customer"], name="event_by_name"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name} customer={self.customer_id}"

    @property
    def type(self) -> types.EventType:
        return types.get(self.name)

    @cached_property
    def shows_life(self) -> bool:
        """Whether the customer did this, and not we in their place: a ticket that a flow opened has a `cause`."""
        ours = self.source == types.OURS and bool(self.properties.get("cause"))
        return self.type.sign_of_life and not ours


class FailedReactionQuerySet(models.QuerySet["FailedReaction"]):
    def due(self, now: datetime) -> FailedReactionQuerySet:
        return self.filter(resolved_at=None, retry_at__lte=now)

    def open(self) -> FailedReactionQuerySet:
        return self.filter(resolved_at=None)

    def bring_forward(self, now: datetime) -> int:
        """Make them due by `now`; return how many were not."""
        return self.filter(retry_at__gt=now).update(retry_at=now)


class FailedReaction(models.Model):
    """A receiver that raised on an event. The fact stands; the reaction is tried again with back-off."""

    event = models.ForeignKey(Event, models.CASCADE, related_name="failed_reactions", verbose_name=_("event"))
    receiver = models.CharField(_("receiver"), max_length=100)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=1)
    error = models.TextField(_("error"))
    failed_at = models.DateTimeField(_("failed"))
    retry_at = models.DateTimeField(_("next try"))
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    objects = FailedReactionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("failed reaction"), _("failed reactions")
        constraints = [models.UniqueConstraint(fields=["event", "receiver"], name="failed_reaction_unique")]
        indexes = [
            # crm.tasks.retry_reactions: tiny, since resolved rows are left out.
            models.Index(fields=["retry_at"], name="failed_reaction_due", condition=models.Q(resolved_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.receiver} on event {self.event_id}"
