"""Wait for a time, or until a date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from crm.lib.durations import parse_duration
from crm.rules.schema import IsoDuration, Shape
from journeys.facts import Fact
from journeys.flows import calendar
from journeys.flows.steps.base import Ask, Decision, Go, Leave, Moment, Occurrence, Rest, Step
from journeys.flows.steps.until import Until

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
NO_DATE, DATE_PAST = "no date", "date past"


class WindowSpec(Shape):
    """`{"from": "09:00", "to": "19:00", "days": ["mon", …]}`; all days when none are named."""

    opens: Clock = Field(alias="from")
    closes: Clock = Field(alias="to")
    days: Annotated[
        list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1, max_length=7)
    ] = list(calendar.DAYS)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _not_empty(self) -> WindowSpec:
        if self.opens == self.closes:
            raise ValueError("from and to are the same time")
        return self

    @cached_property
    def window(self) -> calendar.Window:
        days = frozenset(calendar.DAYS.index(day) for day in self.days)
        return calendar.Window(time.fromisoformat(self.opens), time.fromisoformat(self.closes), days)


class Wait(Step):
    type: Literal["wait"]
    for_: IsoDuration | None = Field(None, alias="for")
    until: Until | None = None
    window: WindowSpec | None = None
    missing: list[AnyStep] | None = None
    past: list[AnyStep] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Wait:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("needs either for or until")
        if self.until is None and (self.missing is not None or self.past is not None):
            raise ValueError("missing and past belong to until")
        return self

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        for name in ("missing", "past"):
            steps = getattr(self, name)
            if steps is not None:
                yield name, steps

    def terms(self) -> tuple[Any, ...]:
        return self.for_, self.until, self.window

    def rest_again(self, arrived_at: datetime, zone: ZoneInfo) -> Rest | None:
        """A date must be read to know."""
        if self.for_ is None:
            return None
        return Rest(self.opening(calendar.add(arrived_at, parse_duration(self.for_), zone), zone))

    def listens(self) -> Iterator[str]:
        if self.until is not None:
            yield from self.until.listens()

    def hears(self, fact: Fact, *, since: datetime, zone: ZoneInfo) -> Occurrence | None:
        """A date that may have moved is read again."""
        if self.until is None or not self.until.may_move(fact, since=since):
            return None
        return Occurrence(fact.id, fact.at)

    def take(self, moment: Moment) -> Decision:
        """A worker that comes late finds the window shut and waits for it to open again."""
        if self.until is not None:
            return self._take_date(self.until, moment)
        rest = None if moment.due_at else self.rest_again(moment.arrived_at, moment.zone)
        return rest or self._go_when_open(moment)

    def _take_date(self, until: Until, moment: Moment) -> Decision:
        """The date is read on coming here, whenever it changes, and again when the wait is over."""
        question = until.question(self.id)
        if question not in moment.facts:
            return Ask([question])
        answer = moment.facts[question]
        due = until.due(answer, moment.zone)
        if due is None:
            return self._instead("missing", NO_DATE)
        due = self.opening(due, moment.zone)
        if due < until.known_since(answer, moment):
            return self._instead("past", DATE_PAST)
        if due > moment.now or moment.due_at is None or moment.woken_by:
            return Rest(due)
        return self._go_when_open(moment)

    def opening(self, due: datetime, zone: ZoneInfo) -> datetime:
        return calendar.next_open(due, self.window.window, zone) if self.window else due

    def _go_when_open(self, moment: Moment) -> Decision:
        opening = self.opening(moment.now, moment.zone)
        return Rest(opening) if opening > moment.now else Go("waited")

    def _instead(self, path: str, reason: str) -> Decision:
        return Leave(reason) if getattr(self, path) is None else Go(reason.replace(" ", "_"), into=path)
