"""Wait for a time, or until a date of the customer's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from crm.lib.durations import parse_duration
from crm.rules.schema import IsoDuration, Name, Shape
from journeys.facts import Fact
from journeys.flows import calendar
from journeys.flows.steps.base import Ask, AttributeValue, Decision, Go, Leave, Moment, Occurrence, Rest, Step

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
NO_DATE, DATE_PAST = "no date", "date past"
ATTRIBUTES_CHANGED = "Attributes Changed"  # crm.events.types.ATTRIBUTES_CHANGED


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


SignedDuration = Annotated[str, StringConstraints(pattern=r"^-?P")]


class Until(Shape):
    """A date on the customer's record, moved by `offset`: `{"attribute": "birthday", "offset": "-P3D"}`."""

    attribute: Name
    offset: SignedDuration = "P0D"

    @model_validator(mode="after")
    def _offset_is_a_duration(self) -> Until:
        parse_duration(self.offset.removeprefix("-"))
        return self


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
        return Rest(self._opening(calendar.add(arrived_at, parse_duration(self.for_), zone), zone))

    def listens(self) -> Iterator[str]:
        if self.until is not None:
            yield ATTRIBUTES_CHANGED

    def hears(self, fact: Fact, *, since: datetime, zone: ZoneInfo) -> Occurrence | None:
        """A date that may have moved is read again."""
        if self.until is None or fact.name != ATTRIBUTES_CHANGED or fact.at < since:
            return None
        names = fact.properties.get("attributes")
        told = isinstance(names, list) and self.until.attribute in names
        return Occurrence(fact.id, fact.at) if told else None

    def take(self, moment: Moment) -> Decision:
        """A worker that comes late finds the window shut and waits for it to open again."""
        if self.until is not None:
            return self._take_date(self.until, moment)
        rest = None if moment.due_at else self.rest_again(moment.arrived_at, moment.zone)
        return rest or self._go_when_open(moment)

    def _take_date(self, until: Until, moment: Moment) -> Decision:
        """The date is read on coming here, whenever it changes, and again when the wait is over."""
        question = AttributeValue(self.id, until.attribute)
        if question not in moment.facts:
            return Ask([question])
        at = _instant(moment.facts[question], moment)
        if at is None:
            return self._instead("missing", NO_DATE)
        sign = -1 if until.offset.startswith("-") else 1
        due = calendar.add(at, parse_duration(until.offset.removeprefix("-")), moment.zone, sign=sign)
        due = self._opening(due, moment.zone)
        if due < (moment.woken_by.at if moment.woken_by else moment.arrived_at):
            return self._instead("past", DATE_PAST)
        if due > moment.now or moment.due_at is None or moment.woken_by:
            return Rest(due)
        return self._go_when_open(moment)

    def _opening(self, due: datetime, zone: ZoneInfo) -> datetime:
        return calendar.next_open(due, self.window.window, zone) if self.window else due

    def _go_when_open(self, moment: Moment) -> Decision:
        opening = self._opening(moment.now, moment.zone)
        return Rest(opening) if opening > moment.now else Go("waited")

    def _instead(self, path: str, reason: str) -> Decision:
        return Leave(reason) if getattr(self, path) is None else Go(reason.replace(" ", "_"), into=path)


def _instant(text: str | None, moment: Moment) -> datetime | None:
    """ISO text as an instant; a plain date begins at midnight where the customer is; anything else is no date."""
    try:
        value = datetime.fromisoformat(text or "")
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        return calendar.at_local(date(value.year, value.month, value.day), value.time(), moment.zone)
    except (ValueError, OverflowError):
        return None
