"""
Run a draft over what really happened, without sending: how many would have entered, and what they would have got.

The lives are walked by the interpreter, the messages judged by the policy, the texts measured by the renderer; only the
rows are missing. Rules are asked as of the time, as far as the log tells: tags, attributes, consents and records are
those of today, and nothing that the flow would have changed is seen by its rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from journeys.flows.definition import parse_definition
from journeys.flows.plan import KeyedRule, Plan
from journeys.flows.steps import Send
from journeys.simulation.backtest import mail, past
from journeys.simulation.backtest.lives import HELD_OUT, Life, Slot, live_through
from journeys.simulation.backtest.mail import Fate
from journeys.simulation.backtest.rules import Rulings
from messaging.outbox.facts import Rules

LONGEST = timedelta(days=365)
MOST_EVENTS = 200_000


class CannotBacktest(ValueError):
    """The flow cannot be tried on the past; the message says why."""


@dataclass(slots=True)
class Day:
    """What would have gone out on one day, by the shop's calendar, on one channel."""

    sent: int = 0
    segments: float = 0


@dataclass(slots=True)
class StepReport:
    """`outcomes`: how it went for those who left the step; `withheld` and `held`: messages, by reason."""

    outcomes: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Report:
    """
    What would have happened from `since` to `until`.

    Attributes:
        events: that would have started the flow; `tried` of them were, the latest.
        late: of `events`, those we learnt of too late to start anything.
        refused: entries by the gate that was shut.
        exited: by reason.
        waiting: messages still held at the end.
        segments: of SMS; measured on a sample and carried over to the others.
        effects: what else the flow would have done, by kind.
    """

    since: datetime
    until: datetime
    events: int
    tried: int
    late: int
    entered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    held_out: int = 0
    active: int = 0
    completed: int = 0
    exited: Counter[str] = field(default_factory=Counter)
    goals: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    days: dict[tuple[date, str], Day] = field(default_factory=lambda: defaultdict(Day))
    steps: dict[str, StepReport] = field(default_factory=lambda: defaultdict(StepReport))
    effects: Counter[str] = field(default_factory=Counter)

    @property
    def segments(self) -> int:
        return round(sum(day.segments for day in self.days.values()))


def backtest(
    definition: Any,
    *,
    days: int,
    now: datetime,
    slug: str = "",
    rules: Rules | None = None,
    most: int = MOST_EVENTS,
) -> Report:
    """
    Try `definition`, known to have no faults, on the last `days` days.

    Args:
        slug: of the flow it belongs to: its shares of holdout and splits are drawn by it.
        rules: of sending; the shop's unless given.
        most: of the events that start it the latest so many are tried; 100,000 take about a minute.

    Raises:
        CannotBacktest: no event starts it, or the time is longer than a year.
        InvalidDefinition: it cannot be read.
    """
    plan = Plan(parse_definition(definition))
    if not plan.trigger:
        raise CannotBacktest(_("Only a flow that an event or a stage starts can be tried on the past."))
    if not timedelta(0) < timedelta(days=days) <= LONGEST:
        raise CannotBacktest(_("The time to look back is from a day to a year."))
    rules = rules or Rules.current()
    since = now - timedelta(days=days)
    events = past.starting_events(plan, since=since, until=now, most=most)
    counted = past.count_starting(plan, since=since, until=now)
    fresh = len(events) if len(events) < most else counted
    report = Report(since, now, counted, len(events), counted - fresh)
    slots = past.slots(events, plan, until=now, fallback=rules.shop.time_zone)
    report.refused["person"] = len(events) - sum(len(slot.entries) for slot in slots)
    audience = KeyedRule.of(plan.definition.audience)
    Rulings(since, now).run([live_through(slot, plan, audience, slug=slug, until=now) for slot in slots])
    lives = [life for slot in slots for life in slot.lives]
    wanted = sorted((message for life in lives for message in life.messages), key=lambda message: message.at)
    sends = {step.id: step for step in plan.steps.values() if isinstance(step, Send)}
    fates = mail.judge(wanted, sends, rules, since=since, until=now)
    _count_lives(report, slots, lives)
    _count_messages(report, fates, ZoneInfo(rules.shop.time_zone))
    return report


def _count_lives(report: Report, slots: Sequence[Slot], lives: Sequence[Life]) -> None:
    for slot in slots:
        report.refused += slot.refused
    report.refused = +report.refused  # without those that are none
    report.entered = len(lives)
    for life in lives:
        report.held_out += life.state == HELD_OUT
        report.active += life.state == "active"
        report.completed += life.state == "completed"
        if life.state == "exited":
            report.exited[life.reason] += 1
        report.goals += life.goal_at is not None
        report.effects += life.effects
        for (step, outcome), number in life.visits.items():
            report.steps[step].outcomes[outcome] += number


def _count_messages(report: Report, fates: Sequence[Fate], zone: ZoneInfo) -> None:
    measured: dict[tuple[str, str], list[int]] = defaultdict(list)
    for fate in fates:
        if fate.segments is not None:
            measured[fate.wanted.step, fate.channel].append(fate.segments)
    average = {group: sum(found) / len(found) for group, found in measured.items()}
    for fate in fates:
        step = report.steps[fate.wanted.step]
        for reason, times in fate.held.items():
            report.held[reason] += times
            step.held[reason] += times
        if fate.state == "sent":
            report.sent[fate.channel] += 1
            step.sent += 1
            day = report.days[fate.at.astimezone(zone).date(), fate.channel]
            day.sent += 1
            day.segments += average.get((fate.wanted.step, fate.channel), 0)
        elif fate.state == "withheld":
            report.withheld[fate.reason] += 1
            step.withheld[fate.reason] += 1
        else:
            report.waiting += 1
