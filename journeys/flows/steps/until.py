"""The date a wait ends by: one of the customer's own, or one that follows from what they bought. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import StringConstraints, model_validator

from crm.lib.durations import Duration, parse_duration
from crm.rules.schema import Name, Shape
from journeys.facts import Fact
from journeys.flows import calendar
from journeys.flows.steps.base import AttributeValue, Bought, Moment, OrderBehind

ATTRIBUTES_CHANGED = "Attributes Changed"  # crm.events.types.ATTRIBUTES_CHANGED
# After these an order's dates, or whether it stands, may be others.
ORDER_NEWS = frozenset({"Order Delivered", "Order Updated", "Order Cancelled", "Order Refunded"})

SignedDuration = Annotated[str, StringConstraints(pattern=r"^-?P")]
Interval = Literal["time_of_use", "repurchase_after"]
DateQuestion = AttributeValue | OrderBehind


class Until(Shape):
    """
    A date moved by `offset`.

    `{"attribute": "birthday", "offset": "-P3D"}` is on the customer's record; `{"product": "repurchase_after"}` is
    when what the run's order brought runs out, `{"product": "time_of_use"}` when all of it could be tried.
    """

    attribute: Name | None = None
    product: Interval | None = None
    offset: SignedDuration = "P0D"

    @model_validator(mode="after")
    def _one_of_both(self) -> Until:
        if (self.attribute is None) == (self.product is None):
            raise ValueError("needs either attribute or product")
        return self

    @model_validator(mode="after")
    def _offset_is_a_duration(self) -> Until:
        parse_duration(self.offset.removeprefix("-"))
        return self

    def question(self, step: str) -> DateQuestion:
        return OrderBehind(step) if self.attribute is None else AttributeValue(step, self.attribute)

    def listens(self) -> Iterator[str]:
        if self.attribute is None:
            yield from sorted(ORDER_NEWS)
        else:
            yield ATTRIBUTES_CHANGED

    def may_move(self, fact: Fact, *, since: datetime) -> bool:
        """Is `fact` reason to read the date again? A delivery that we learn of late is, too."""
        if self.attribute is None:
            return fact.name in ORDER_NEWS
        names = fact.properties.get("attributes")
        told = isinstance(names, list) and self.attribute in names
        return fact.name == ATTRIBUTES_CHANGED and fact.at >= since and told

    def due(self, answer: Any, zone: ZoneInfo) -> datetime | None:
        """When the wait is over, by the answer to `question`; None when there is no date."""
        sign = -1 if self.offset.startswith("-") else 1
        try:
            at = _of_order(answer, self.product, zone) if self.product else _of_text(answer, zone)
            return at and calendar.add(at, parse_duration(self.offset.removeprefix("-")), zone, sign=sign)
        except (OverflowError, ValueError):  # beyond the calendar
            return None

    def known_since(self, answer: Any, moment: Moment) -> datetime:
        """Since when the run has known its date: one that lies before is past. News may reach us late."""
        if moment.woken_by is None:
            return moment.arrived_at
        is_news = isinstance(answer, Bought) and answer.delivered_at == moment.woken_by.at
        return moment.due_at if is_news and moment.due_at else moment.woken_by.at


def _of_order(order: Bought | None, interval: Interval, zone: ZoneInfo) -> datetime | None:
    """
    All of it can be tried once the longest time of use is over since the delivery; the first thing runs out after the
    shortest, counted from the delivery, or from the order while nobody knows of one.
    """
    if order is None or order.ended_at is not None:
        return None
    if interval == "time_of_use":
        since, span = order.delivered_at, max(order.times_of_use, default=None)
    else:
        since, span = order.delivered_at or order.ordered_at, min(order.runs_out_after, default=None)
    if since is None or span is None:
        return None
    return calendar.add(since, Duration(months=0, days=span.days, clock=span - timedelta(days=span.days)), zone)


def _of_text(text: str | None, zone: ZoneInfo) -> datetime | None:
    """ISO text as an instant; a plain date begins at midnight where the customer is; anything else is no date."""
    try:
        value = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    return calendar.at_local(date(value.year, value.month, value.day), value.time(), zone)
