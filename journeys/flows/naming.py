"""What slugs are called in this shop, for the pages that put flows in words."""

from __future__ import annotations

from crm.models import Promotion, Topic
from journeys.flows.outline import Names
from journeys.models import Flow, Stage
from messaging.models import Template


def names_here() -> Names:
    """Templates, topics, stages, flows and promotions by their slugs; five queries."""
    stages = Stage.objects.select_related("journey")
    return Names(
        templates=dict(Template.objects.values_list("slug", "name")),
        topics=dict(Topic.objects.values_list("slug", "name")),
        stages={(stage.journey.slug, stage.slug): stage.label for stage in stages},
        flows={flow.slug: flow.label for flow in Flow.objects.only("slug", "name", "name_th")},
        promotions=dict(Promotion.objects.values_list("slug", "name")),
    )
