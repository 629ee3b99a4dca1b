"""What flows have done: counters of flows and of their steps, and the runs of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import BigIntegerField, Case, Count, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from crm.lib.memo import once
from crm.models import Customer, User
from journeys.models import Enrolment, Flow, StepVisit
from messaging.channels.reasons import label_of
from messaging.models import Message

State = Enrolment.State
MOST_RUNS = 12
GONE_OUT = (Message.State.SENT, Message.State.DELIVERED)
# Of a visit: its run came to the step once more, and stands there or has left it again.
CAME_AGAIN = Q(
    Exists(
        StepVisit.objects.filter(
            enrolment=OuterRef("enrolment"), step=OuterRef("step"), visit__gt=OuterRef("visit"),
        )
    )
) | Q(enrolment__step=F("step"), enrolment__state__in=[State.ACTIVE, State.FAILED])  # fmt: skip
# Of a visit: its run took the step and reached the goal from there on. A step left for the goal itself did nothing for
# it; and the coming counts, not the leaving, since the goal may be the very fact that the step waited for.
CONVERTED = Q(enrolment__goal_at__gte=F("arrived_at")) & ~Q(outcome="left")
UNCLEAR = (Message.State.UNKNOWN, Message.State.UNKNOWN_FINAL)
STUCK = (Message.State.FAILED, Message.State.DEAD)


@dataclass(slots=True)
class FlowCount:
    """
    The runs of a flow by state: entered = active + completed + exited + failed + held out.

    Attributes:
        goals: runs that reached the goal, of those that were not held out.
    """

    active: int = 0
    completed: int = 0
    exited: int = 0
    failed: int = 0
    held_out: int = 0
    goals: int = 0

    @property
    def entered(self) -> int:
        return self.active + self.completed + self.exited + self.failed + self.held_out

    @property
    def goal_share(self) -> int:
        """Of those who were not held out, in percent."""
        treated = self.entered - self.held_out
        return round(100 * self.goals / treated) if treated else 0


class Withheld(NamedTuple):
    """How many messages were withheld for a reason: in words, and as rows carry it."""

    label: str
    n: int
    reason: str


@dataclass(slots=True)
class StepCount:
    """
    The counters of one step's card.

    Attributes:
        entered: runs that came to it; `waiting` of them stand there now, `failed` were set aside there.
        outcomes: how it went for those who left, by the visit's word. Who came twice counts as they left it last.
        sent, delivered, failed_messages, unclear, on_the_way: messages of a send step, by what became of them.
        withheld: the most frequent reason first.
        converted: runs that took the step and reached the goal, then or later.
    """

    entered: int = 0
    waiting: int = 0
    failed: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    delivered: int = 0
    failed_messages: int = 0
    unclear: int = 0
    on_the_way: int = 0
    withheld: list[Withheld] = field(default_factory=list)
    converted: int = 0


def flow_counts(flows: Sequence[Flow]) -> dict[int, FlowCount]:
    """Counters of each flow, in one query."""
    found = {flow.pk: FlowCount() for flow in flows}
    return found | _counted(Enrolment.objects.filter(flow__in=flows))


def count_of(runs: QuerySet[Enrolment]) -> FlowCount:
    """The counters of these runs, which are one flow's; one query."""
    return next(iter(_counted(runs).values()), FlowCount())


def _counted(runs: QuerySet[Enrolment]) -> dict[int, FlowCount]:
    rows = (
        runs.values("flow", "state")
        .annotate(n=Count("pk"), goals=Count("pk", filter=Q(goal_at__isnull=False)))
        .order_by()
    )
    found: dict[int, FlowCount] = defaultdict(FlowCount)
    for row in rows:
        count = found[row["flow"]]
        setattr(count, row["state"], row["n"])
        count.goals += row["goals"] if row["state"] != State.HELD_OUT else 0
    return found


def step_counts(flow: Flow, runs: QuerySet[Enrolment] | None = None) -> dict[str, StepCount]:
    """Counters of the flow's steps by step id, in five queries; of these of its runs alone, when they are given."""
    found: dict[str, StepCount] = defaultdict(StepCount)
    entered = Enrolment.objects.filter(flow=flow) if runs is None else runs
    passed = StepVisit.objects.filter(flow=flow)
    if runs is not None:
        passed = passed.filter(enrolment__in=runs.values("pk"))
    standing = entered.filter(state__in=[State.ACTIVE, State.FAILED])
    for row in standing.values("step", "state").annotate(n=Count("pk")).order_by():
        count = found[row["step"]]
        count.entered += row["n"]
        if row["state"] == State.ACTIVE:
            count.waiting = row["n"]
        else:
            count.failed = row["n"]
    visits = passed.values("step", "outcome").annotate(n=Count("pk")).order_by()
    for visit in visits:
        found[visit["step"]].entered += visit["n"]
        found[visit["step"]].outcomes[visit["outcome"]] = visit["n"]
    for again in _left_again(passed, entered).values("step", "outcome").annotate(n=Count("pk")).order_by():
        count = found[again["step"]]
        count.entered -= again["n"]
        count.outcomes[again["outcome"]] -= again["n"]
    reached = passed.filter(CONVERTED).values_list("step").annotate(n=Count("enrolment", distinct=True)).order_by()
    for step, number in reached:
        found[step].converted = number
    messages = Message.objects.by_flow(flow.slug) if runs is None else messages_of_runs(flow, runs)
    _count_messages(messages, found)
    return dict(found)


def _left_again(visits: QuerySet[StepVisit], runs: QuerySet[Enrolment]) -> QuerySet[StepVisit]:
    """Visits of runs that came to the same step again later; few runs ever do (interpreter.State.visit)."""
    return visits.filter(CAME_AGAIN, enrolment__in=runs.filter(visit__gt=1).values("pk"))


def runs_at(runs: QuerySet[Enrolment], *, step: str, at: str = "", outcome: str = "") -> QuerySet[Enrolment]:
    """
    The runs behind a counter of a step: who came to it, or of these those `at` "waiting" (there now), "failed" or
    "converted", or those for whom it went as `outcome` says.
    """
    visits = StepVisit.objects.filter(enrolment=OuterRef("pk"), step=step)
    standing = Q(step=step, state__in=[State.ACTIVE, State.FAILED])
    if outcome:
        return runs.filter(Exists(visits.filter(~CAME_AGAIN, outcome=outcome)))
    if at == "converted":
        return runs.filter(Exists(visits.filter(CONVERTED)))
    if at:
        return runs.filter(step=step, state=State.ACTIVE if at == "waiting" else State.FAILED)
    return runs.filter(standing | Exists(visits))


def messages_of_runs(flow: Flow, runs: QuerySet[Enrolment]) -> QuerySet[Message]:
    """What the runs have written."""
    of_run = Cast(KeyTextTransform("enrolment", "cause"), BigIntegerField())
    return Message.objects.by_flow(flow.slug).annotate(run=of_run).filter(run__in=runs.values("pk"))


def _count_messages(messages: QuerySet[Message], found: dict[str, StepCount]) -> None:
    rows = messages.values("cause__step", "state", "reason").annotate(n=Count("pk")).order_by("-n")
    for row in rows:
        count, n = found[row["cause__step"] or ""], row["n"]
        if row["state"] in GONE_OUT:
            count.sent += n
            count.delivered += n if row["state"] == Message.State.DELIVERED else 0
        elif row["state"] == Message.State.WITHHELD:
            count.withheld.append(Withheld(str(label_of(row["reason"])), n, row["reason"]))
        elif row["state"] in STUCK:
            count.failed_messages += n
        elif row["state"] in UNCLEAR:
            count.unclear += n
        elif row["state"] != Message.State.CANCELLED:
            count.on_the_way += n


def runs(flow: Flow, user: User) -> QuerySet[Enrolment]:
    """The runs of `flow` for customers `user` may see."""
    visible = Customer.objects.visible_to(user)
    return Enrolment.objects.filter(flow=flow, customer__in=visible.values("pk")).select_related("customer", "version")


def runs_of(customer: Customer) -> list[Enrolment]:
    """The customer's runs, those under way first, then the latest; one query for as long as `customer` lives."""
    return once(customer, "runs", lambda: _runs_of(customer))


def _runs_of(customer: Customer) -> list[Enrolment]:
    rows = Enrolment.objects.filter(customer=customer).select_related("flow", "version")
    rows = rows.defer("flow__draft", "version__definition", "context", "memory")
    ended = Case(When(state=State.ACTIVE, then=0), default=1)
    return list(rows.order_by(ended, "-entered_at", "-pk")[:MOST_RUNS])


def failed_runs(user: User) -> QuerySet[Enrolment]:
    """Runs that were set aside, the latest first."""
    visible = Customer.objects.visible_to(user)
    rows = Enrolment.objects.filter(state=State.FAILED, customer__in=visible.values("pk"))
    return rows.select_related("flow", "customer").order_by("-ended_at", "-pk")


def messages_of(run: Enrolment) -> list[Message]:
    """What the run has written, in order."""
    rows = Message.objects.filter(customer=run.customer_id, cause__enrolment=run.pk)
    return list(rows.select_related("template").order_by("pk"))
