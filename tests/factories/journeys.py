"""Rows of journeys, as plain as they can be. The two preset journeys are there after migrate."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from journeys.flows import versions
from journeys.models import Enrolment, Flow, Journey, Position, Stage, StageRule
from tests.factories.crm import NOON, CustomerFactory

PAUSE = {"id": "pause", "type": "wait", "for": "P1D"}


class JourneyFactory(DjangoModelFactory[Journey]):
    class Meta:
        model = Journey

    slug = factory.Sequence(lambda n: f"journey-{n}")
    name = factory.Sequence(lambda n: f"Journey {n}")


class StageFactory(DjangoModelFactory[Stage]):
    class Meta:
        model = Stage

    journey = factory.SubFactory(JourneyFactory)
    slug = factory.Sequence(lambda n: f"stage-{n}")
    name = factory.Sequence(lambda n: f"Stage {n}")
    rank = factory.Sequence(int)


class StageRuleFactory(DjangoModelFactory[StageRule]):
    class Meta:
        model = StageRule

    stage = factory.SubFactory(StageFactory)
    name = "Ordered"
    events = factory.LazyFunction(lambda: ["Order Completed"])


class PositionFactory(DjangoModelFactory[Position]):
    class Meta:
        model = Position

    customer = factory.SubFactory(CustomerFactory)
    stage = factory.SubFactory(StageFactory)
    journey = factory.SelfAttribute("stage.journey")
    since = NOON


class FlowFactory(DjangoModelFactory[Flow]):
    """A draft; `live_flow` publishes one."""

    class Meta:
        model = Flow

    slug = factory.Sequence(lambda n: f"flow-{n}")
    name = factory.Sequence(lambda n: f"Flow {n}")
    draft = factory.LazyFunction(lambda: {"trigger": {"manual": True}, "steps": [PAUSE]})
    created_at = NOON
    updated_at = NOON


def live_flow(*steps: dict[str, Any], named: dict[str, str] | None = None, **definition: Any) -> Flow:
    """A published flow of these steps, started by hand unless `trigger` says otherwise; `named`: its own fields."""
    draft = {"trigger": {"manual": True}, "steps": list(steps) or [PAUSE], **definition}
    flow = FlowFactory.create(draft=draft, **(named or {}))
    versions.publish(flow, actor=None, now=NOON)
    flow.refresh_from_db()
    return flow


class EnrolmentFactory(DjangoModelFactory[Enrolment]):
    """A run that has not taken its first step."""

    class Meta:
        model = Enrolment

    flow = factory.LazyFunction(live_flow)
    version = factory.SelfAttribute("flow.live_version")
    customer = factory.SubFactory(CustomerFactory)
    entry_key = factory.Sequence(lambda n: f"entry-{n}")
    entered_at = NOON
    step = factory.LazyAttribute(lambda row: row.version.definition["steps"][0]["id"])
    arrived_at = NOON
    due_at = NOON
