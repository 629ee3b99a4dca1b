"""Journeys on the customers list and the customer's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.access.roles import may
from crm.events import types
from crm.extensions import (
    ListColumn,
    ListFilter,
    Panel,
    Text,
    UpcomingItem,
    add_list_column,
    add_list_filter,
    add_panel,
    upcoming_source,
)
from crm.models import Customer, User
from journeys.flows import plans
from journeys.flows.definition import InvalidDefinition
from journeys.flows.outline import step_title
from journeys.models import Enrolment, Health, Position, Stage
from journeys.selectors import flows, stages
from journeys.selectors.links import stage_key


def stage_choices(user: User) -> Sequence[tuple[str, Text]]:
    rows = Stage.objects.filter(journey__is_active=True).select_related("journey")
    ordered = sorted(rows, key=lambda stage: (not stage.journey.is_default, stage.journey_id, stage.rank))
    return [(stage_key(stage.journey.slug, stage.slug), _labelled(stage)) for stage in ordered]


def _labelled(stage: Stage) -> str:
    """The default journey's stages by their names, others' with their journey's."""
    return stage.label if stage.journey.is_default else f"{stage.label} ({stage.journey.label})"


def in_stage(customers: QuerySet[Customer], value: str, user: User) -> QuerySet[Customer]:
    journey, _dot, stage = value.partition(".")
    positions = Position.objects.filter(journey__slug=journey, stage__slug=stage)
    return customers.filter(pk__in=positions.values("customer"))


def health_choices(user: User) -> Sequence[tuple[str, Text]]:
    return Health.choices


def with_health(customers: QuerySet[Customer], value: str, user: User) -> QuerySet[Customer]:
    positions = Position.objects.filter(journey__is_default=True, stage__isnull=False, health=value)
    return customers.filter(pk__in=positions.values("customer"))


def stage_column(customers: Sequence[Customer]) -> Mapping[int, Any]:
    return stages.current_stages(customers)


add_list_filter(ListFilter("stage", _("Stage"), stage_choices, in_stage, order=10))
add_list_filter(ListFilter("health", _("Health"), health_choices, with_health, order=15))
add_list_column(ListColumn("stage", _("Stage"), stage_column, "journeys/stage_cell.html", order=10))


def strip(customer: Customer, user: User, now: datetime) -> Mapping[str, Any] | None:
    """Where the customer stands in each journey, with the evidence; and the form to move them."""
    found = stages.ways(customer, now=now)
    if not found:
        return None
    return {"ways": found, "customer": customer, "moves": may(user, "journeys.move")}


def runs_card(customer: Customer, user: User, now: datetime) -> Mapping[str, Any] | None:
    """The flows the customer is or was in, and the way into another."""
    found, enrols = flows.runs_of(customer), may(user, "messages.send")
    return {"runs": found, "enrols": enrols, "customer": customer} if found or enrols else None


add_panel(Panel("journey", "journeys/strip.html", strip, zone="header", order=10))
add_panel(Panel("flows", "journeys/runs_card.html", runs_card, zone="side", order=20))


@upcoming_source("flows")
def steps_to_come(customer: Customer, now: datetime) -> Iterable[UpcomingItem]:
    """When the customer's runs go on, and what they wait for."""
    return [
        UpcomingItem(
            at=run.due_at,
            title=_t("Flow “%(flow)s” goes on") % {"flow": run.flow},
            url=reverse("journeys:run_detail", args=[run.pk]),
            why=_waits_for(run),
            icon="flow",
        )
        for run in flows.runs_of(customer)
        if run.due_at and not run.is_paused
    ]


def _waits_for(run: Enrolment) -> str:
    if run.stand == Enrolment.Stand.RULE:
        return _t("Waits for a rule to hold; this is when it stops waiting")
    if run.awaits:
        return _t("Waits for: %(event)s; this is when it stops waiting") % {"event": types.get(run.awaits).label}
    try:
        step = plans.plan_of(run.version).steps.get(run.step)
    except InvalidDefinition:
        step = None
    return _t("Next: %(step)s") % {"step": step_title(step) if step else run.step}
