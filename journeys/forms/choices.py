"""What a flow may name in this shop: templates, topics, stages, segments, flows, colleagues, promotions, facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from crm.events import types
from crm.models import Promotion, Segment, Topic
from crm.selectors.staff import colleague_names
from journeys.models import Flow, Stage
from messaging.models import Template

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Choices:
    """(value, what it is called) of each kind."""

    templates: Pairs
    topics: Pairs
    stages: Pairs  # "journey.stage"
    segments: Pairs
    flows: Pairs
    people: Pairs
    promotions: Pairs
    events: Pairs

    @classmethod
    def read(cls) -> Choices:
        stages = Stage.objects.select_related("journey").order_by("journey__name", "rank")
        flows = Flow.objects.exclude(state=Flow.State.ARCHIVED).only("slug", "name", "name_th")
        return cls(
            templates=list(Template.objects.order_by("name").values_list("slug", "name").distinct()),
            topics=list(Topic.objects.order_by("name").values_list("slug", "name")),
            stages=[(f"{it.journey.slug}.{it.slug}", f"{it.journey.label}: {it.label}") for it in stages],
            segments=list(Segment.objects.order_by("name").values_list("slug", "name")),
            flows=[(flow.slug, flow.label) for flow in flows],
            people=colleague_names(),
            promotions=list(Promotion.objects.order_by("name").values_list("slug", "name")),
            events=[(kind.name, str(kind.label)) for kind in types.known()],
        )


def with_current(pairs: Sequence[tuple[str, str]], value: object, *, empty: str | None = None) -> Pairs:
    """The pairs, and what is chosen now even when the shop has it no more; `empty` is what choosing none is called."""
    found = list(pairs)
    if isinstance(value, str) and value and value not in dict(found):
        found.append((value, _("%(slug)s (is not there)") % {"slug": value}))
    return found if empty is None else [("", empty), *found]
