"""Who speaks of a segment or a stage, so that neither is taken away under the feet of those who count on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from crm.extensions import Use
from crm.models import Promotion, Segment
from crm.rules.leaves_of import leaves_of
from journeys.flows.mentions import mentions
from journeys.models import Enrolment, Flow, FlowVersion


def uses_of_segment(slug: str) -> list[Use]:
    """The flows that speak of the segment."""
    return [*_flows("segment", slug)]


def uses_of_stage(journey: str, stage: str) -> list[Use]:
    """The flows, segments and promotions that speak of the stage. Who only speaks of its journey's health does not."""
    name = f"{journey}.{stage}"
    segments = [
        Use(_("segment"), segment.name, segment.get_absolute_url())
        for segment in Segment.objects.order_by("name")
        if name in _stages_in(segment.rule)
    ]
    promotions = [
        Use(_("promotion"), promotion.name, promotion.get_absolute_url())
        for promotion in Promotion.objects.exclude(audience={}).order_by("name", "pk")
        if name in _stages_in(promotion.audience)
    ]
    return [*_flows("stage", name), *segments, *promotions]


def _stages_in(rule: Any) -> set[str]:
    found = set()
    for _path, kind, value in leaves_of(rule):
        if kind == "stage" and isinstance(value, Mapping) and isinstance(value.get("in"), list):
            found |= {f"{value.get('journey')}.{stage}" for stage in value["in"]}
    return found


def _flows(kind: str, name: str) -> Iterator[Use]:
    """
    Flows not put away whose draft, live version, or an older one with people inside names it; three queries.

    An older version has said all it had to say once the last of its people has left.
    """
    flows = list(Flow.objects.exclude(state=Flow.State.ARCHIVED).order_by("name", "pk"))
    inside = Enrolment.objects.active().values("version")
    versions = FlowVersion.objects.filter(Q(flow__live_version=F("pk")) | Q(pk__in=inside), flow__in=flows)
    published: dict[int, list[FlowVersion]] = {}
    for version in versions.order_by("-number"):
        published.setdefault(version.flow_id, []).append(version)
    for flow in flows:
        url = reverse("journeys:flow_detail", args=[flow.slug])
        if _named(flow.draft, kind, name):
            yield Use(_("flow, as it is drafted"), flow.label, url)
        for version in published.get(flow.pk, []):
            if _named(version.definition, kind, name):
                yield Use(_("flow, version %(n)s") % {"n": version.number}, flow.label, url)


def _named(definition: Any, kind: str, name: str) -> bool:
    return any((mention.kind, mention.name) == (kind, name) for mention in mentions(definition))
