"""Plans of published versions, compiled once per definition and process."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F, QuerySet

from crm.lib import configuration
from journeys.flows.definition import parse_definition
from journeys.flows.plan import Plan
from journeys.models import Flow, FlowVersion

_KEPT = 500
_plans: dict[str, Plan] = {}


def plan_of(version: FlowVersion) -> Plan:
    """
    The version's plan. Kept by the definition's fingerprint, so `version.definition` may be deferred.

    Raises:
        InvalidDefinition: what was once published can no longer be read (a condition was taken out of the grammar).
    """
    plan = _plans.get(version.fingerprint)
    if plan is None:
        if len(_plans) >= _KEPT:
            _plans.clear()
        plan = _plans[version.fingerprint] = Plan(parse_definition(version.definition))
    return plan


def versions(ids: Collection[int]) -> dict[int, FlowVersion]:
    """
    The versions with their flows, definitions left in the database: one query, one more when some are new here, none
    for those that a batch remembers.
    """
    known = _known_versions()
    missing = [pk for pk in ids if pk not in known]
    if missing:
        known |= {version.pk: version for version in _with_new_definitions(FlowVersion.objects.filter(pk__in=missing))}
    return {pk: known[pk] for pk in ids if pk in known}


@configuration.remembered(Flow, FlowVersion)
def _known_versions() -> dict[int, FlowVersion]:
    """Filled by `versions`, as they are asked for."""
    return {}


@configuration.remembered(Flow, FlowVersion)
def live_versions() -> list[FlowVersion]:
    """The versions that customers enter now; queries as for `versions`."""
    live = FlowVersion.objects.filter(flow__state=Flow.State.LIVE, flow__live_version=F("pk"))
    return _with_new_definitions(live.order_by("flow_id"))


def _with_new_definitions(rows: QuerySet[FlowVersion]) -> list[FlowVersion]:
    found = list(rows.select_related("flow").defer("definition", "flow__draft"))
    unknown = {version.pk: version for version in found if version.fingerprint not in _plans}
    if unknown:
        for pk, definition in FlowVersion.objects.filter(pk__in=unknown).values_list("pk", "definition"):
            unknown[pk].definition = definition
    return found
