"""What results are asked about: whose runs, begun when, of which version; by the parameters of their page."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

from crm.api.fields import fault
from crm.lib.zones import zone
from crm.models import Customer, Segment, Shop, Touchpoint
from journeys.models import Enrolment, Flow
from journeys.selectors.crowds import Crowd
from journeys.selectors.flow_results import runs_in
from journeys.selectors.periods import ALL_TIME, LENGTHS, InvalidPeriod, Period, period_of

TOUCHES = ("first", "any")
PARAMETERS = [
    OpenApiParameter("segment", str, description="only its members, by its slug"),
    OpenApiParameter("touchpoint", str, description="only who came through it, by its code"),
    OpenApiParameter(
        "touch", str, enum=TOUCHES, description="came through the touchpoint at first (unless given), or at any time"
    ),
    OpenApiParameter("days", str, enum=LENGTHS, description="entered in the last so many days; all unless given"),
    OpenApiParameter("from", str, description="entered on this day or later, by the shop's clock: 2026-03-02"),
    OpenApiParameter("to", str, description="entered on this day or before"),
    OpenApiParameter("version", int, description="entered this version of the flow"),
]
NAMES = frozenset(parameter.name for parameter in PARAMETERS)


def shops_clock() -> AbstractContextManager[None]:
    """Days begin when they begin in the shop."""
    return timezone.override(zone(Shop.current().time_zone, "UTC"))


def period_asked(given: Mapping[str, str], *, now: datetime) -> Period:
    """
    The period, on the current clock.

    Raises:
        ValidationError: naming the parameter at fault.
    """
    days = _one_of(given, "days", LENGTHS) or ALL_TIME
    try:
        return period_of(given, days=days, now=now)
    except InvalidPeriod as error:
        raise _wrong(error.param, error.message) from error


def runs_asked(
    flow: Flow, given: Mapping[str, str], customers: QuerySet[Customer], period: Period
) -> QuerySet[Enrolment]:
    """
    The flow's runs of those of `customers` who are meant, begun in the period.

    Raises:
        ValidationError: naming the parameter at fault.
    """
    segment, touchpoint, version = (given.get(name, "") for name in ("segment", "touchpoint", "version"))
    touch = _one_of(given, "touch", TOUCHES)
    if segment and not Segment.objects.filter(slug=segment).exists():
        raise _wrong("segment", _("There is no such segment."))
    if touchpoint and not Touchpoint.objects.filter(code=touchpoint).exists():
        raise _wrong("touchpoint", _("There is no such touchpoint."))
    number = None
    if version:
        number = {str(number): number for number in flow.versions.values_list("number", flat=True)}.get(version)
        if number is None:
            raise _wrong("version", _("The flow has no such version."))
    crowd = Crowd(segment, touchpoint, touch == "any")
    return runs_in(flow, crowd.among(customers), since=period.since, until=period.until, version=number)


def _one_of(given: Mapping[str, str], param: str, values: Container[str]) -> str:
    value = given.get(param, "")
    if value and value not in values:
        raise _wrong(param, _("“%(value)s” is none of the values this takes.") % {"value": value[:60]})
    return value


def _wrong(param: str, message: str) -> ValidationError:
    return fault([param], message, "invalid_choice")
