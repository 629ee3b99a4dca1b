"""Wait until a rule about the customer holds, for so long at most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from crm.lib.durations import parse_duration
from crm.rules.schema import IsoDuration
from journeys.facts import Fact
from journeys.flows import calendar
from journeys.flows.steps.base import Ask, Decision, Go, Moment, Occurrence, Rest, RuleHolds, RuleJson, Step

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep


class WaitRule(Step):
    """
    Takes `then` as soon as the rule holds, `else` when it does not at the timeout.

    It is asked on arriving, on whatever the customer does, and once more at the timeout.
    """

    type: Literal["wait_rule"]
    rule: RuleJson
    timeout: IsoDuration
    then: list[AnyStep] = []
    else_: list[AnyStep] = Field([], alias="else")

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        yield "then", self.then
        yield "else", self.else_

    def rules(self) -> Iterator[tuple[str, RuleJson]]:
        yield "rule", self.rule

    def hears(self, fact: Fact, *, since: datetime, zone: ZoneInfo) -> Occurrence | None:
        """Whenever it occurred: what we learn only now may make the rule hold now."""
        return Occurrence(fact.id, fact.at)

    def terms(self) -> tuple[Any, ...]:
        return self.rule, self.timeout

    def rest_again(self, arrived_at: datetime, zone: ZoneInfo) -> Rest:
        return Rest(calendar.add(arrived_at, parse_duration(self.timeout), zone), asks=True)

    def take(self, moment: Moment) -> Decision:
        question = RuleHolds(self.id, "rule", self.rule)
        if question not in moment.facts:
            return Ask([question])
        if moment.facts[question]:
            return Go("held", into="then")
        rest = self.rest_again(moment.arrived_at, moment.zone)
        # Only a run that was put to rest here times out: one that comes late is put to rest for no time at all, so that
        # what follows counts from now.
        if moment.due_at is not None and rest.until <= moment.now:
            return Go("timed_out", into="else")
        return rest
