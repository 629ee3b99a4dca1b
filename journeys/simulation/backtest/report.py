"""What trying a draft on the past comes to: figures that parts of the customers add up to, and their JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from journeys.simulation.backtest.lives import HELD_OUT, Life, Slot
from journeys.simulation.backtest.mail import Fate

COUNTERS = ("refused", "exited", "sent", "withheld", "held", "effects")
NUMBERS = ("events", "tried", "late", "entered", "held_out", "active", "completed", "goals", "waiting")


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


def as_json(report: Report) -> dict[str, Any]:
    """The report as rows keep it and programs read it, but for the days' segments, which are not rounded here."""
    return {
        "since": report.since.isoformat(), "until": report.until.isoformat(),
        **{name: getattr(report, name) for name in NUMBERS},
        **{name: dict(getattr(report, name)) for name in COUNTERS},
        "segments": report.segments,
        "days": [
            {"date": on.isoformat(), "channel": channel, "sent": day.sent, "segments": day.segments}
            for (on, channel), day in sorted(report.days.items())
        ],
        "steps": {
            step: {
                "outcomes": dict(found.outcomes), "sent": found.sent, "withheld": dict(found.withheld),
                "held": dict(found.held),
            }
            for step, found in report.steps.items()
        },
    }  # fmt: skip


def from_json(data: Mapping[str, Any]) -> Report:
    """What `as_json` wrote."""
    counted: dict[str, Any] = {name: data[name] for name in NUMBERS}
    counted |= {name: Counter(data[name]) for name in COUNTERS}
    report = Report(datetime.fromisoformat(data["since"]), datetime.fromisoformat(data["until"]), **counted)
    for day in data["days"]:
        report.days[date.fromisoformat(day["date"]), day["channel"]] = Day(day["sent"], day["segments"])
    for step, found in data["steps"].items():
        report.steps[step] = StepReport(
            Counter(found["outcomes"]), found["sent"], Counter(found["withheld"]), Counter(found["held"])
        )
    return report


def count_lives(report: Report, slots: Sequence[Slot], lives: Sequence[Life]) -> None:
    """Add what became of these entries."""
    for slot in slots:
        report.refused += slot.refused
    report.refused = +report.refused  # without those that are none
    report.entered += len(lives)
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


def count_messages(report: Report, fates: Sequence[Fate], zone: ZoneInfo) -> None:
    """Add what became of these messages; `zone` is the shop's."""
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
