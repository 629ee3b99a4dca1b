"""What came of a flow's runs: by their beginning, path, version and ending; and what became of their messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, DateField, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek

from crm.models import Customer
from journeys.models import Enrolment, Flow, StepVisit
from journeys.selectors.flows import CONVERTED, GONE_OUT, STUCK, UNCLEAR, messages_of_runs
from journeys.selectors.results import Group, Lift
from messaging.models import Message

State = Enrolment.State
HELD = Q(state=State.HELD_OUT)
REACHED = Q(goal_at__isnull=False)
CONTROL = "control group"
ELSE = "else"

# What a message counts as: by which states.
FATES: dict[str, Q] = {
    "on_the_way": Q(state__in=[Message.State.QUEUED, Message.State.SENDING]),
    "sent": Q(state__in=GONE_OUT),
    "delivered": Q(state=Message.State.DELIVERED),
    "clicked": Q(clicked_at__isnull=False),
    "failed": Q(state__in=STUCK),
    "unclear": Q(state__in=UNCLEAR),
    "withheld": Q(state=Message.State.WITHHELD),
    "cancelled": Q(state=Message.State.CANCELLED),
}

AMONG_SENT = ("delivered", "clicked")


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    Who went through the flow, and who was only watched.

    Attributes:
        treated: runs that were not held out.
        own, control: runs held out by the flow's own share, and by the shop's control group.
    """

    treated: Group
    own: Group
    control: Group

    @property
    def entered(self) -> int:
        return self.treated.people + self.held_out.people

    @property
    def held_out(self) -> Group:
        """Both together: either is drawn at random."""
        return Group(self.own.people + self.control.people, self.own.converted + self.control.converted)

    @property
    def lift(self) -> Lift | None:
        """Treated against held out; None when nobody was."""
        return Lift(self.treated, self.held_out) if self.held_out.people else None


@dataclass(frozen=True, slots=True)
class Span:
    """Runs that began in a day, week or month; `is_open` while one of them may still reach the goal."""

    first: date
    last: date
    group: Group
    is_open: bool


@dataclass(frozen=True, slots=True)
class PathCount:
    """Runs that went one way at a branch or split; converted are those that reached the goal after it."""

    step: str
    path: str
    group: Group


@dataclass(frozen=True, slots=True)
class MessageCount:
    """
    A step's messages on one channel.

    Attributes:
        fates: how many, by the keys of FATES; the delivered and the clicked are among the sent.
        withheld: (reason's code, how many), the most frequent first.
        parts: SMS segments of what went out; what a provider charges for.
        cost_micros: what that cost, in millionths of the shop's currency.
    """

    step: str
    channel: str
    fates: dict[str, int]
    withheld: list[tuple[str, int]]
    parts: int
    cost_micros: int

    @property
    def written(self) -> int:
        """All there ever were."""
        return sum(n for fate, n in self.fates.items() if fate not in AMONG_SENT)


def runs_in(
    flow: Flow, customers: QuerySet[Customer], *, since: datetime | None, until: datetime, version: int | None = None
) -> QuerySet[Enrolment]:
    """The runs of `customers` that began from `since` (None: ever) to `until`; those of one version, by its number."""
    runs = Enrolment.objects.filter(flow=flow, customer__in=customers.values("pk"), entered_at__lte=until)
    if since:
        runs = runs.filter(entered_at__gte=since)
    return runs.filter(version__number=version) if version else runs


def outcome_of(runs: QuerySet[Enrolment]) -> Outcome:
    """One query."""
    groups = {"treated": ~HELD, "own": HELD & ~Q(reason=CONTROL), "control": HELD & Q(reason=CONTROL)}
    counts = runs.aggregate(
        **{name: Count("pk", filter=group) for name, group in groups.items()},
        **{f"{name}_goals": Count("pk", filter=group & REACHED) for name, group in groups.items()},
    )
    return Outcome(**{name: Group(counts[name], counts[f"{name}_goals"]) for name in groups})


_BY: dict[str, tuple[type[Any], Callable[[date], date]]] = {
    "day": (TruncDay, lambda day: day),
    "week": (TruncWeek, lambda day: day + timedelta(days=6)),
    "month": (TruncMonth, lambda day: (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)),
}


def over_time(runs: QuerySet[Enrolment], *, by: str, now: datetime) -> list[Span]:
    """The runs that were not held out, by the day, week or month they began on the current clock; one query."""
    truncate, last = _BY[by]
    rows = (
        runs.exclude(state=State.HELD_OUT)
        .order_by()
        .values(first=truncate("entered_at", output_field=DateField()))
        .annotate(n=Count("pk"), goals=Count("pk", filter=REACHED), open=Count("pk", filter=_may_still_reach(now)))
        .order_by("first")
    )
    return [
        Span(row["first"], last(row["first"]), Group(row["n"], row["goals"]), is_open=bool(row["open"])) for row in rows
    ]


def _may_still_reach(now: datetime) -> Q:
    return Q(goal_at=None, goal_until__gt=now)


def per_path(runs: QuerySet[Enrolment]) -> list[PathCount]:
    """Where branches and splits sent the runs; one query."""
    visits = StepVisit.objects.filter(outcome="path", enrolment__in=runs.values("pk"))
    rows = (
        visits.order_by()
        .values("step", way=KeyTextTransform("path", "detail"))
        .annotate(
            n=Count("enrolment", distinct=True),
            goals=Count("enrolment", distinct=True, filter=CONVERTED),
        )
        .order_by("step", "way")
    )
    return [PathCount(row["step"], row["way"] or "", Group(row["n"], row["goals"])) for row in rows]


def on_path(runs: QuerySet[Enrolment], *, step: str, path: str, converted: bool) -> QuerySet[Enrolment]:
    """The runs behind a number of `per_path`."""
    visits = StepVisit.objects.filter(step=step, outcome="path", detail__path=path)
    if converted:
        visits = visits.filter(CONVERTED)
    return runs.filter(pk__in=visits.values("enrolment"))


def per_version(runs: QuerySet[Enrolment]) -> list[tuple[int, Group]]:
    """(number, runs that were not held out) of each version somebody entered, the newest first; one query."""
    rows = (
        runs.exclude(state=State.HELD_OUT)
        .order_by()
        .values_list("version__number")
        .annotate(n=Count("pk"), goals=Count("pk", filter=REACHED))
        .order_by("-version__number")
    )
    return [(number, Group(n, goals)) for number, n, goals in rows]


def endings(runs: QuerySet[Enrolment]) -> list[tuple[str, int]]:
    """(reason, how many) of the runs that left early, the most frequent first; one query."""
    left = runs.filter(state=State.EXITED).order_by().values_list("reason").annotate(n=Count("pk"))
    return list(left.order_by("-n", "reason"))


def per_message(flow: Flow, runs: QuerySet[Enrolment]) -> list[MessageCount]:
    """Each step's messages, channel by channel; two queries."""
    messages = messages_of_runs(flow, runs).annotate(at=KeyTextTransform("step", "cause")).order_by()
    fates = {fate: Count("pk", filter=test) for fate, test in FATES.items()}
    sums = {
        name: Sum(of, filter=FATES["sent"], default=0) for name, of in (("parts", "segments"), ("cost", "cost_micros"))
    }
    rows = messages.values_list("at", "channel").annotate(**fates, **sums)
    held_back = messages.filter(FATES["withheld"]).values_list("at", "channel", "reason").annotate(n=Count("pk"))
    why: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for at, channel, reason, n in held_back.order_by("-n", "reason"):
        why.setdefault((at, channel), []).append((reason, n))
    return [
        MessageCount(at or "", channel, dict(zip(FATES, counts, strict=True)), why.get((at, channel), []), parts, cost)
        for at, channel, *counts, parts, cost in rows.order_by("at", "channel")
    ]
