"""Put ready flows in place as drafts of the shop's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from journeys.flows import versions
from journeys.flows.presets.base import FlowPreset
from journeys.flows.presets.shelf import PRESETS
from journeys.models import Flow


@transaction.atomic
def install_flows(*, now: datetime, presets: Sequence[FlowPreset] = PRESETS, publish: bool = False) -> list[Flow]:
    """
    Store `presets`, the six unless others are named, as drafts, and publish them if asked.

    Flows that exist already are left as they are.

    Raises:
        InvalidDefinition: published without the templates of messaging.presets.
    """
    known = set(Flow.objects.values_list("slug", flat=True))
    flows = [
        versions.create_flow(
            slug=preset.slug, name=preset.name, name_th=preset.name_th, description=preset.description,
            definition=preset.definition, now=now,
        )
        for preset in presets
        if preset.slug not in known
    ]  # fmt: skip
    if publish:
        for flow in flows:
            versions.publish(flow, actor=None, now=now)
    return flows
