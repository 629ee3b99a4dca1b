"""Wait for something to happen, for so long at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from crm.lib.durations import parse_duration
from crm.rules import properties
from crm.rules.schema import IsoDuration, Name, WhereList
from journeys.facts import Fact
from journeys.flows import calendar
from journeys.flows.steps.base import Ask, Decision, Go, Happened, Moment, Occurrence, Rest, Step

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep


class WaitEvent(Step):
    """
    Takes `then` when the event occurs before the timeout, else `else`.

    An event before the wait began does not count, unless `look_back` reaches it.
    """

    type: Literal["wait_event"]
    event: Name
    where: WhereList = []
    timeout: IsoDuration
    look_back: IsoDuration | None = None
    then: list[AnyStep] = []
    else_: list[AnyStep] = Field([], alias="else")

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        yield "then", self.then
        yield "else", self.else_

    def listens(self) -> Iterator[str]:
        yield self.event

    def listens_from(self, since: datetime, zone: ZoneInfo) -> datetime:
        """The earliest instant an event may have occurred to count."""
        return calendar.add(since, parse_duration(self.look_back), zone, sign=-1) if self.look_back else since

    def hears(self, fact: Fact, *, since: datetime, zone: ZoneInfo) -> Occurrence | None:
        counts = (
            fact.name == self.event
            and self.listens_from(since, zone) <= fact.at
            and properties.matches(self.where, fact.properties)
        )
        return Occurrence(fact.id, fact.at) if counts else None

    def terms(self) -> tuple[Any, ...]:
        return self.event, self.where, self.timeout

    def rest_again(self, arrived_at: datetime, zone: ZoneInfo) -> Rest:
        return Rest(calendar.add(arrived_at, parse_duration(self.timeout), zone), awaits=self.event)

    def take(self, moment: Moment) -> Decision:
        if moment.woken_by is not None:
            return _heard(moment.woken_by)
        if moment.due_at is not None:
            return Go("timed_out", into="else", contested=True)
        rest = self.rest_again(moment.arrived_at, moment.zone)
        # It may have happened already, between the time the plan had the wait begin and the runner's.
        since = self.listens_from(moment.since, moment.zone)
        question = Happened(self.id, self.event, since, rest.until, self.where)
        if question not in moment.facts:
            return Ask([question])
        found = moment.facts[question]
        if found is not None:
            return _heard(found)
        return rest


def _heard(occurrence: Occurrence) -> Go:
    return Go("heard", into="then", detail={"event": occurrence.id}, heard=occurrence)
