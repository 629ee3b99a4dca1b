"""What a report is asked about: segment, touchpoint and period, by the same parameters on every page of journeys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.access.guards import staff_of
from crm.access.roles import may
from crm.extensions import Text
from crm.models import Customer, Segment, Touchpoint
from crm.views.parts import Choice, choice_of
from journeys.selectors.crowds import Crowd
from journeys.selectors.periods import ALL_TIME, InvalidPeriod, Period, period_of

PERIODS = [
    ("7", gettext_lazy("7 days")), ("30", gettext_lazy("30 days")), ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("a year")), (ALL_TIME, gettext_lazy("all time")),
]  # fmt: skip
NARROWING = ("segment", "touchpoint")
SHARED = (*NARROWING, "touch", "days", "from", "to")
TOUCHES = [("first", gettext_lazy("met us there")), ("any", gettext_lazy("ever came there"))]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A reading of the address.

    Attributes:
        choices: the filters as the page offers them, its own among them.
        customers: whom the report is about.
        shared: the parameters that every report of journeys understands, as they were given.
    """

    choices: Sequence[Choice]
    period: Period
    customers: QuerySet[Customer]
    shared: Mapping[str, str]

    def chosen(self, param: str) -> str:
        """What is chosen for one of the filters."""
        return next(one.value for one in self.choices if one.param == param)

    @property
    def optional(self) -> list[str]:
        """The filters that may be left out."""
        return [one.param for one in self.choices if one.param in (*NARROWING, "version")]

    @property
    def given(self) -> list[tuple[str, Text, Text]]:
        """(parameter, label, what is chosen) of each segment or touchpoint chosen."""
        return [(one.param, one.label, one.chosen) for one in self.choices if one.param in self.optional and one.value]

    @property
    def in_words(self) -> list[str]:
        """What the report is narrowed to: its period first, then "filter: choice" of each."""
        length = next((one.chosen for one in self.choices if one.param == "days" and one.value), "")
        others = [f"{one.label}: {one.chosen}" for one in self.choices if one.param != "days" and one.value]
        return [self.period.in_words or f"{_('Period')}: {length}", *others]

    @property
    def kept(self) -> str:
        """What another report's address ends with, to be about the same people and days."""
        return f"?{urlencode(self.shared)}" if self.shared else ""

    @property
    def query(self) -> dict[str, str]:
        """The parameters by which another page asks the same."""
        found = {one.param: one.value for one in self.choices if one.value}
        days = {"from": self.period.first, "to": self.period.last}
        return found | {name: day.isoformat() for name, day in days.items() if day}

    def link(self, url: str, **more: object) -> str:
        """`url`, asking the same and `more`; empty values are left out."""
        query = self.query | {name: str(value) for name, value in more.items() if value not in ("", None)}
        return f"{url}?{urlencode(query)}" if query else url


def asked(
    request: HttpRequest, *, now: datetime, days: str = "90", more: Sequence[Choice] = (), with_period: bool = True
) -> Asked:
    """
    Read the address. Without `with_period` the page shows how things are now.

    Args:
        days: the period when the address names none.
        more: further filters of the page.

    Raises:
        BadRequest: the address names what there is not, or a period that ends before it begins.
    """
    narrowing = _narrowing(request)
    values = {one.param: one.value for one in narrowing}
    crowd = Crowd(values.get("segment", ""), values["touchpoint"], values.get("touch") == "any")
    choices = [*narrowing, *more]
    period = Period(None, now)
    if with_period:
        length = with_default(choice_of(request, "days", _("Period"), PERIODS), days)
        period = _period(request, length.value, now)
        choices.append(Choice(length.param, length.label, length.options) if period.in_words else length)
    shared = {name: value for name in SHARED if (value := request.GET.get(name))}
    return Asked(choices, period, crowd.among(Customer.objects.visible_to(staff_of(request))), shared)


def with_default(choice: Choice, value: str) -> Choice:
    """The choice, `value` when nothing is chosen."""
    return choice if choice.value else Choice(choice.param, choice.label, choice.options, value)


def _narrowing(request: HttpRequest) -> list[Choice]:
    """Segments for those who may see them, touchpoints, and how somebody must have come through one."""
    found = []
    if may(staff_of(request), "segments.view"):
        segments = list(Segment.objects.values_list("slug", "name"))
        found.append(choice_of(request, "segment", _("Segment"), segments))
    touchpoints = list(Touchpoint.objects.order_by("name", "pk").values_list("code", "name"))
    through = choice_of(request, "touchpoint", _("Touchpoint"), touchpoints)
    found.append(through)
    if through.value:
        found.append(with_default(choice_of(request, "touch", _("Those who"), TOUCHES), TOUCHES[0][0]))
    return found


def _period(request: HttpRequest, days: str, now: datetime) -> Period:
    try:
        return period_of(request.GET, days=days, now=now)
    except InvalidPeriod as error:
        raise BadRequest(error.message) from error
