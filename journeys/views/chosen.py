"""The journey that an address names."""

from __future__ import annotations

from django.http import Http404
from django.shortcuts import get_object_or_404

from journeys.models import Journey


def journeys_and_chosen(slug: str) -> tuple[list[Journey], Journey | None]:
    """
    The active journeys and the one named, without a name the first; None when all are switched off.

    Raises:
        Http404: no active journey has this name.
    """
    journeys = list(Journey.objects.active())
    journey = next((one for one in journeys if one.slug == slug or not slug), None)
    if journey is None and slug:
        raise Http404
    return journeys, journey


def any_journey(slug: str) -> Journey:
    """
    The journey, also one that is switched off.

    Raises:
        Http404
    """
    return get_object_or_404(Journey, slug=slug)
