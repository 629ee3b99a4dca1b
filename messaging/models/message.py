"""The ledger: every message that was meant, and what became of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.lib.among import Among
from crm.lib.ids import uuid7
from crm.models import Channel, Customer, Topic
from messaging.channels.reasons import label_of
from messaging.models.template import Template, TemplateVersion

if TYPE_CHECKING:
    from crm.models import User


# The flow of the cause, with its key in the SQL itself: SQLite finds no index for one that is a parameter.
BY_FLOW = models.Func("cause", template="(%(expressions)s ->> 'flow')", output_field=models.CharField())

# In `context`, all there is left of it: the SHA-256 of a text that was forgotten (services.retention).
TEXT_HASH = "text_sha256"


class MessageQuerySet(models.QuerySet["Message"]):
    def by_flow(self, slug: str) -> MessageQuerySet:
        """What a flow has written."""
        return self.alias(by_flow=BY_FLOW).filter(by_flow=slug)

    def visible_to(self, user: User) -> MessageQuerySet:
        # Asked row by row, so that the newest are read first: SQLite would read "customer in (…)" customer by customer.
        return self.filter(models.Exists(Customer.objects.visible_to(user).filter(pk=models.OuterRef("customer"))))

    def queued(self) -> MessageQuerySet:
        return self.filter(state=Message.State.QUEUED)

    def in_line(self) -> MessageQuerySet:
        """The queued ones; both lanes are named for the sake of the index."""
        return self.queued().filter(lane__in=Message.Lane.values)

    def pending(self) -> MessageQuerySet:
        return self.filter(state__in=Message.PENDING)

    def unclear(self) -> MessageQuerySet:
        """Those a person may have to decide on."""
        return self.filter(state__in=[Message.State.UNKNOWN, Message.State.UNKNOWN_FINAL])

    def overdue(self, before: datetime) -> MessageQuerySet:
        return self.queued().filter(due_at__lt=before)

    def counted(self, customer_ids: Collection[int], since: datetime) -> MessageQuerySet:
        """Marketing messages cleared for these customers since then: what caps count."""
        return self.filter(
            Among("customer", customer_ids),
            lane=Message.Lane.MARKETING,
            cleared_at__gte=since,
            state__in=Message.COUNTED,
        )

    def for_log(self) -> MessageQuerySet:
        """Newest first, with what a row of the message log shows."""
        return self.select_related("customer", "topic", "template").order_by("-id")


class Message(models.Model):
    """
    One message to one person on one channel. Written by `messaging.outbox` only.

    `public_id` is the key we give to providers, the same on every try; a lease token fences every later write, so that
    a worker that lost its lease changes nothing. `wire_at` is set only as the call starts, the first of those that may
    have got through: a message back in the queue with `wire_at` still set may already have gone out.

    `cost_micros` is what it cost by the price table of the moment it left, in millionths of the shop's currency.
    `clicked_at` is when a person first followed one of its links.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("being sent")
        UNKNOWN = "unknown", _("unclear")
        UNKNOWN_FINAL = "unknown_final", _("never cleared up")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")
        WITHHELD = "withheld", _("withheld")
        CANCELLED = "cancelled", _("cancelled")
        DEAD = "dead", _("given up")

    class Lane(models.IntegerChoices):
        """A customer's messages of one lane and channel keep their order; a stuck promotion never holds a receipt."""

        SERVICE = 0, _("service")
        MARKETING = 1, _("marketing")

    # Still on their way: they block what comes after them in their lane.
    PENDING = (State.QUEUED, State.SENDING, State.UNKNOWN)
    # Went out, or may have: caps count them.
    COUNTED = (State.SENDING, State.UNKNOWN, State.UNKNOWN_FINAL, State.SENT, State.DELIVERED)

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    dedupe_key = models.CharField(_("dedupe key"), max_length=200)
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="messages", db_index=False, verbose_name=_("customer")
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    topic = models.ForeignKey(Topic, models.PROTECT, related_name="+", db_index=False, verbose_name=_("topic"))
    lane = models.PositiveSmallIntegerField(_("lane"), choices=Lane)
    address = models.CharField(_("address"), max_length=254, blank=True)
    address_hash = models.CharField(max_length=64, blank=True, editable=False)
    language = models.CharField(_("language"), max_length=8, blank=True)

    # What it says: a template, or Liquid of its own, filled in when it is sent; `subject`, `body` and `html` are what
    # really left. `is_literal` text was final when it was queued.
    template = models.ForeignKey(
        Template, models.PROTECT, null=True, blank=True, related_name="messages", verbose_name=_("template")
    )
    version = models.ForeignKey(
        TemplateVersion,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("version"),
    )
    source_subject = models.CharField(max_length=200, blank=True, editable=False)
    source_body = models.TextField(blank=True, editable=False)
    is_literal = models.BooleanField(default=False, editable=False)
    context = models.JSONField(_("data"), default=dict, blank=True)
    subject = models.CharField(_("subject"), max_length=998, blank=True)
    body = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    segments = models.PositiveSmallIntegerField(_("segments"), default=0)
    cost_micros = models.PositiveBigIntegerField(_("cost in millionths"), default=0)

    # Why it is there: {"kind": "flow", "flow": slug, "enrolment": id, "step": id}, {"kind": "staff", "user": id} …
    cause = models.JSONField(_("cause"), default=dict, blank=True)
    priority = models.SmallIntegerField(_("priority"), default=0)
    over_cap = models.CharField(max_length=4, default="skip", editable=False)
    is_answer = models.BooleanField(default=False, editable=False)

    state = models.CharField(_("state"), max_length=16, choices=State, default=State.QUEUED)
    reason = models.CharField(_("reason"), max_length=32, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    decision = models.JSONField(_("decision"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    crashes = models.PositiveSmallIntegerField(_("crashes"), default=0)

    queued_at = models.DateTimeField(_("queued"))
    planned_at = models.DateTimeField(_("planned for"))
    due_at = models.DateTimeField(_("next try"))
    expires_at = models.DateTimeField(_("of no use after"), null=True, blank=True)
    cleared_at = models.DateTimeField(_("cleared by policy"), null=True, blank=True)
    wire_at = models.DateTimeField(_("call started"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    clicked_at = models.DateTimeField(_("link followed"), null=True, blank=True)
    unknown_at = models.DateTimeField(_("unclear since"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    provider = models.CharField(_("provider"), max_length=32, blank=True)
    provider_reference = models.CharField(_("provider's reference"), max_length=200, blank=True)
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        # Not `unique=True`: on PostgreSQL that is two indexes, and every change of state writes to each.
        constraints = [models.UniqueConstraint(fields=["dedupe_key"], name="message_once")]
        # Foreign keys have no index of their own where one of these leads with them, or nothing ever looks that way.
        indexes = [
            # outbox.claims: the next due rows of a channel's lane; and the few that were there when workers died.
            models.Index(
                fields=["channel", "lane", "due_at", "id"], name="message_due", condition=models.Q(state="queued")
            ),
            models.Index(
                fields=["channel", "due_at"],
                name="message_suspect",
                condition=models.Q(state="queued", crashes__gte=3),
            ),
            # outbox.claims: is anything ahead of this row in its line?
            models.Index(
                fields=["customer", "channel", "lane", "id"],
                name="message_line",
                condition=models.Q(state__in=["queued", "sending", "unknown"]),
            ),
            # outbox.reconcile: leases that ran out, and unknowns whose time has come; both tiny.
            models.Index(fields=["lease_until"], name="message_lease", condition=models.Q(state="sending")),
            models.Index(fields=["unknown_at"], name="message_unknown", condition=models.Q(state="unknown")),
            # outbox.receipts: the message behind a provider's reference.
            models.Index(
                fields=["provider_reference"],
                name="message_reference",
                condition=~models.Q(provider_reference=""),
            ),
            # outbox.facts: marketing messages of a customer's day and week.
            models.Index(fields=["customer", "cleared_at"], name="message_counted", condition=models.Q(lane=1)),
            # The customer page, the API's filter, and the message log by state.
            models.Index(fields=["customer", "-id"], name="message_by_customer"),
            models.Index(fields=["state", "-id"], name="message_by_state"),
            # The log by reason: what goes out as planned has none, and is not in it.
            models.Index(fields=["reason", "-id"], name="message_by_reason", condition=~models.Q(reason="")),
            # journeys.selectors: what a flow has written; by its index the planner knows how much that is.
            models.Index(BY_FLOW, name="message_by_flow"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.channel} {self.state}"

    def get_absolute_url(self) -> str:
        return reverse("messaging:message_detail", args=[self.public_id])

    @property
    def key(self) -> str:
        """What providers know this message by."""
        return self.public_id.hex

    @property
    def reason_label(self) -> str | Promise:
        """Why it was withheld, is held or failed, in words; "" when there is nothing to explain."""
        return label_of(self.reason) if self.reason else ""

    @property
    def text_hash(self) -> str:
        """SHA-256 of subject, text and HTML, in hex, once they were forgotten with age; "" before."""
        found: str = self.context.get(TEXT_HASH, "")
        return found

    @property
    def is_held(self) -> bool:
        """Waiting in line for a reason, such as quiet hours."""
        return self.state == self.State.QUEUED and bool(self.reason)

    @property
    def may_be_out(self) -> bool:
        """In line again although an earlier call's answer was lost."""
        return self.state == self.State.QUEUED and self.wire_at is not None


class Attempt(models.Model):
    """One call to a provider. Written as the call starts and completed by its outcome: no outcome, killed in flight."""

    message = models.ForeignKey(
        Message, models.CASCADE, related_name="tries", db_index=False, verbose_name=_("message")
    )
    token = models.CharField(max_length=32)
    provider = models.CharField(_("provider"), max_length=32)
    started_at = models.DateTimeField(_("started"))
    milliseconds = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=32, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("attempt"), _("attempts")
        constraints = [models.UniqueConstraint(fields=["message", "token"], name="attempt_unique")]
        indexes = [
            # selectors.deliveries and the monitor: the calls of the last hour, day, week.
            models.Index(fields=["started_at"], name="attempt_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.outcome or '…'}"
