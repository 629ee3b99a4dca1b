"""Whom a report is about: customers of a segment, or who came through a touchpoint."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet

from crm.models import Customer, SegmentMember, TouchpointVisit
from crm.rules.sets import Whose


@dataclass(frozen=True, slots=True)
class Crowd:
    """
    Everybody, or fewer.

    Attributes:
        segment: a segment's slug; its members at the last refresh.
        touchpoint: a touchpoint's code; who came through it. `any_touch` counts every visit of theirs, else only those
            count whose first visit it was. Robots do not visit.
    """

    segment: str = ""
    touchpoint: str = ""
    any_touch: bool = False

    def among(self, customers: QuerySet[Customer]) -> QuerySet[Customer]:
        """Those of `customers` who are of the crowd."""
        found = customers
        if self.segment:
            found = found.filter(Whose(SegmentMember.objects.filter(segment__slug=self.segment).values("customer")))
        if self.touchpoint:
            found = found.filter(Whose(self._visits().values("customer")))
        return found

    def _visits(self) -> QuerySet[TouchpointVisit]:
        by_people = TouchpointVisit.objects.filter(is_bot=False, customer__isnull=False)
        visits = by_people.filter(touchpoint__code=self.touchpoint)
        if self.any_touch:
            return visits
        before = Q(visited_at__lt=OuterRef("visited_at")) | Q(visited_at=OuterRef("visited_at"), pk__lt=OuterRef("pk"))
        return visits.filter(~Exists(by_people.filter(before, customer=OuterRef("customer"))))
