"""What the timeline says about moves between stages, and where runs of flows are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from crm.extensions import Description, RecordPage, add_record_page, describes
from journeys.events import HEALTH_CHANGED, STAGE_CHANGED
from journeys.models import Enrolment, Health, StageMove
from journeys.selectors.names import rule_name, stage_name

Properties = Mapping[str, Any]


@describes(STAGE_CHANGED)
def stage_changed(properties: Properties) -> Description:
    journey, to, before = (str(properties.get(key) or "") for key in ("journey", "to", "from"))
    arrived = stage_name(journey, to)
    text = f"{stage_name(journey, before)} → {arrived}" if before else arrived
    return Description(text, why=_why(properties))


def _why(properties: Properties) -> str:
    """The evidence; what a colleague decided explains itself."""
    if rule := properties.get("rule"):
        return _("Because: %(rule)s") % {"rule": rule_name(str(rule))}
    causes = dict(StageMove.Cause.choices)
    cause = str(properties.get("cause") or "")
    return _("Moved by %(cause)s") % {"cause": causes[cause]} if cause in causes else ""


@describes(HEALTH_CHANGED)
def health_changed(properties: Properties) -> Description:
    labels, to = dict(Health.choices), properties.get("to")
    return Description(str(labels.get(str(to), "")), tone="" if to == Health.ACTIVE else "warn")


add_record_page(
    RecordPage("enrolment", Enrolment, lambda number: reverse("journeys:run_detail", args=[number]), key="pk")
)
