"""What the steps of a run have done outside of it: the codes they gave, the calls they made."""

from __future__ import annotations

from collections.abc import Sequence

from crm.models import Coupon, HookDelivery
from journeys.models import Enrolment, StepVisit
from journeys.models.enrolment import effect_key


def gifts_of(run: Enrolment, visits: Sequence[StepVisit]) -> list[Coupon]:
    """The codes that the run's steps gave."""
    keys = _keys(run, visits, "given")
    return list(Coupon.objects.filter(dedupe_key__in=keys).select_related("promotion").order_by("pk")) if keys else []


def calls_of(run: Enrolment, visits: Sequence[StepVisit]) -> list[HookDelivery]:
    """The calls that the run's steps put in line."""
    keys = _keys(run, visits, "called")
    return list(HookDelivery.objects.filter(dedupe_key__in=keys).order_by("pk")) if keys else []


def _keys(run: Enrolment, visits: Sequence[StepVisit], outcome: str) -> list[str]:
    """The keys of what was done on visits that went so (journeys.flows.effects.base.Order.key)."""
    return [effect_key(run.pk, visit.step, visit.visit) for visit in visits if visit.outcome == outcome]
