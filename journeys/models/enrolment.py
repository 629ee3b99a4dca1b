"""Enrolments: one run of one customer through one flow, and the steps behind it."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from crm.models import Customer, Event
from journeys.models.flow import Flow, FlowVersion


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def active(self) -> EnrolmentQuerySet:
        return self.filter(state=Enrolment.State.ACTIVE)

    def due(self, now: datetime) -> EnrolmentQuerySet:
        """Runs with a step to take by `now`, longest overdue first."""
        return self.active().filter(is_paused=False, due_at__lte=now).order_by("due_at", "pk")

    def with_customer(self) -> EnrolmentQuerySet:
        """What the runner must know of the customer, without building their whole record."""
        return self.annotate(**{name: F(f"customer__{name}") for name in ("time_zone", "merged_into", "erased_at")})

    def with_time_zone(self) -> EnrolmentQuerySet:
        """The customer's alone; looked up for each row, since few rows make no join with all customers worth it."""
        looked_up = {"time_zone": Subquery(Customer.objects.filter(pk=OuterRef("customer_id")).values("time_zone"))}
        return self.annotate(**looked_up)

    def locked(self, *, skip: bool = False) -> EnrolmentQuerySet:
        """
        Lock the rows until the transaction ends; with `skip`, pass over those that another worker holds.

        SQLite has no such locks and needs none: a transaction begun IMMEDIATE (settings) is the only writer.
        """
        return self.select_for_update(of=("self",), skip_locked=skip)


class Enrolment(models.Model):
    """
    A run. While active it rests on exactly one thing, `stand`: its next step to be taken (start), a time, an event or a
    rule, both with `due_at` as the timeout. The database refuses an active run without a due time, and an ended one
    with it.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("under way")
        COMPLETED = "completed", _("completed")
        EXITED = "exited", _("left early")
        FAILED = "failed", _("failed")
        HELD_OUT = "held_out", _("held out")

    class Stand(models.TextChoices):
        START = "start", _("about to begin a step")
        TIME = "time", _("waiting for a time")
        EVENT = "event", _("waiting for an event")
        RULE = "rule", _("waiting for a rule to hold")

    # Its version's own, which vouches for it (decision 017).
    flow = models.ForeignKey(
        Flow, models.CASCADE, related_name="enrolments", db_index=False, db_constraint=False, verbose_name=_("flow")
    )
    version = models.ForeignKey(
        FlowVersion, models.RESTRICT, related_name="enrolments", db_index=False, verbose_name=_("version")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="enrolments", db_index=False, verbose_name=_("customer")
    )
    # What makes this entry this entry; the same again enters nobody a second time (journeys.flows.enrolment).
    entry_key = models.CharField(max_length=300, editable=False)
    key = models.CharField(_("order or cart"), max_length=200, blank=True)
    # Claimed by the active run where the policy allows only one for this customer and key; empty otherwise.
    slot = models.CharField(max_length=230, blank=True, editable=False)
    event = models.ForeignKey(
        Event, models.DO_NOTHING, null=True, blank=True, related_name="+", db_index=False, db_constraint=False,
        verbose_name=_("entered by"),
    )  # fmt: skip
    context = models.JSONField(_("context"), default=dict, blank=True)
    entered_at = models.DateTimeField(_("entered"))

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    stand = models.CharField(_("rests on"), max_length=6, choices=Stand, blank=True, default=Stand.START)
    step = models.CharField(_("step"), max_length=64)
    visit = models.PositiveSmallIntegerField(_("visit"), default=1)
    arrived_at = models.DateTimeField(_("at this step since"))
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    awaits = models.CharField(_("waits for"), max_length=200, blank=True)
    is_paused = models.BooleanField(_("paused"), default=False)
    # A backlog is let go little by little: paused until then (journeys.flows.backlog).
    release_at = models.DateTimeField(_("let go"), null=True, blank=True, editable=False)
    # It could not be taken before, although it was due: learnt of late, paused, or failed (flows.punctuality).
    ready_at = models.DateTimeField(null=True, blank=True, editable=False)
    memory = models.JSONField(default=dict, blank=True, editable=False)

    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    goal_until = models.DateTimeField(_("goal counts until"), null=True, blank=True)
    goal_at = models.DateTimeField(_("goal reached"), null=True, blank=True)

    # Set by `with_customer`; the first by `with_time_zone`, too.
    time_zone: str
    merged_into: int | None
    erased_at: datetime | None

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("enrolment"), _("enrolments")
        constraints = [
            models.UniqueConstraint(fields=["flow", "entry_key"], name="enrolment_entry_once"),
            models.UniqueConstraint(
                fields=["flow", "slot"], name="enrolment_one_active", condition=Q(state="active") & ~Q(slot="")
            ),
            models.CheckConstraint(
                name="enrolment_rests_on_one_thing",
                condition=Q(state="active", due_at__isnull=False, ended_at=None, stand="event") & ~Q(awaits="")
                | Q(state="active", due_at__isnull=False, ended_at=None, stand__in=["start", "time", "rule"], awaits="")
                | Q(due_at=None, ended_at__isnull=False, stand="", awaits="") & ~Q(state="active"),
            ),
        ]
        indexes = [
            # The runner's claim (flows.runner): exactly its filter and its order, so that runs that wait cost nothing.
            models.Index(fields=["due_at", "id"], name="enrolment_due", condition=Q(state="active", is_paused=False)),
            # What of a backlog may go on (flows.backlog).
            models.Index(fields=["release_at"], name="enrolment_release", condition=Q(release_at__isnull=False)),
            # Re-entry (flows.enrolment): the customer's last entry with this key; exits, goals and wakes of a batch of
            # events; a customer's page.
            models.Index(fields=["customer", "flow", "key", "-entered_at"], name="enrolment_by_customer"),
            # Counters of a flow and of each of its steps (selectors.flows).
            models.Index(fields=["flow", "state", "step"], name="enrolment_counts"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} flow={self.flow_id} customer={self.customer_id}"


class StepVisit(models.Model):
    """A step that is behind a run, and how it went. Written when the step is left; rows are only ever added."""

    enrolment = models.ForeignKey(
        Enrolment, models.CASCADE, related_name="visits", db_index=False, verbose_name=_("enrolment")
    )
    # Its enrolment's own, which vouches for it.
    flow = models.ForeignKey(
        Flow, models.CASCADE, related_name="+", db_index=False, db_constraint=False, verbose_name=_("flow")
    )
    step = models.CharField(_("step"), max_length=64)
    visit = models.PositiveSmallIntegerField(_("visit"), default=1)
    outcome = models.CharField(_("outcome"), max_length=32)
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    arrived_at = models.DateTimeField(_("arrived"))
    left_at = models.DateTimeField(_("left"))

    class Meta:
        verbose_name, verbose_name_plural = _("step visit"), _("step visits")
        constraints = [
            # No step's effect twice for one visit: the batch that would repeat it fails as a whole.
            models.UniqueConstraint(fields=["enrolment", "step", "visit"], name="step_visit_once")
        ]
        indexes = [
            # Counters on the cards of a flow (selectors.flows).
            models.Index(fields=["flow", "step", "outcome"], name="step_visit_counts")
        ]

    def __str__(self) -> str:
        return f"enrolment={self.enrolment_id} {self.step}: {self.outcome}"


def effect_key(enrolment: int, step: str, visit: int) -> str:
    """Names what a step does on one visit: the dedupe key of a message, task, coupon or call."""
    return f"enrolment:{enrolment}:{step}:{visit}"
