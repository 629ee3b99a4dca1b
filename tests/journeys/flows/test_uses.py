"""Who speaks of a segment or a stage, and what conditions name that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Segment
from crm.services import segments
from crm.services.segments import SegmentInUse
from journeys.flows import versions
from journeys.flows.mentions import mentions
from journeys.flows.uses import uses_of_segment, uses_of_stage
from journeys.models import Flow
from tests.factories.crm import NOON, CustomerFactory, PromotionFactory
from tests.factories.journeys import PAUSE, EnrolmentFactory, FlowFactory, live_flow
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db
VIP: dict[str, Any] = {"segment": "vip"}


@pytest.fixture
def vip() -> Segment:
    return segments.create_segment(name="VIP", rule={}, actor=None, now=NOON)


def told(slug: str) -> list[tuple[str, str, str]]:
    return [(str(use.what), use.name, use.url) for use in uses_of_segment(slug)]


def branch(rule: Any) -> dict[str, Any]:
    paths = [{"name": "one", "if": rule, "steps": [{"id": "in", "type": "wait_rule", "rule": rule, "timeout": "P1D"}]}]
    return {"id": "who", "type": "branch", "paths": paths, "else": []}


@pytest.mark.parametrize(
    ("definition", "path", "step"),
    [
        ({"trigger": {"segment": "vip", "on": "leave"}}, "trigger.segment", ""),
        ({"trigger": {"schedule": {"cron": "0 9 * * *", "segment": "vip"}}}, "trigger.schedule.segment", ""),
        ({"audience": {"any": [{"not": VIP}]}}, "audience.any[0].not.segment", ""),
        ({"exits": [{"event": "X"}, {"rule": VIP}]}, "exits[1].rule.segment", ""),
        ({"steps": [branch(VIP)]}, "steps[0].paths[0].if.segment", "who"),
        ({"steps": [branch({"all": [{}, VIP]})]}, "steps[0].paths[0].steps[0].rule.all[1].segment", "in"),
    ],
)
def test_a_segment_is_found_wherever_a_definition_names_it(definition: Any, path: str, step: str) -> None:
    found = [(mention.path, mention.step) for mention in mentions(definition) if mention.name == "vip"]
    assert (path, step) in found


@pytest.mark.parametrize(
    "odd",
    [
        None, [], 7, {"steps": 3}, {"steps": [{"type": "branch", "paths": [4, {"if": []}]}]},
        {"trigger": [], "exits": {"rule": 1}, "goal": "x", "audience": {"all": {"segment": 3}}},
    ],
)  # fmt: skip
def test_a_draft_that_is_no_flow_names_nothing(odd: Any) -> None:
    assert list(mentions(odd)) == []


def test_what_only_looks_like_a_segment_is_none(vip: Segment) -> None:
    FlowFactory.create(draft={"trigger": {"manual": True}, "steps": [{"id": "s", "type": "set", "attributes": VIP}]})
    assert told("vip") == []


def test_the_draft_the_live_version_and_an_older_one_with_people_are_named_each(vip: Segment) -> None:
    flow = live_flow(PAUSE, audience=VIP)
    assert told("vip") == [
        ("flow, as it is drafted", flow.name, f"/journeys/flows/{flow.slug}/"),
        ("flow, version 1", flow.name, f"/journeys/flows/{flow.slug}/"),
    ]
    run = EnrolmentFactory.create(flow=flow, version=flow.live_version)
    Flow.objects.update(draft={"trigger": {"manual": True}, "steps": [PAUSE]})
    versions.publish(flow, actor=None, now=day(1))
    assert [what for what, _name, _url in told("vip")] == ["flow, version 1"]
    run.state, run.stand, run.due_at, run.ended_at = "completed", "", None, day(2)
    run.save()
    assert told("vip") == []


def test_a_segment_that_a_flow_speaks_of_is_not_deleted_and_one_put_away_speaks_of_nothing(vip: Segment) -> None:
    flow = live_flow(PAUSE, trigger={"segment": "vip"})
    with pytest.raises(SegmentInUse, match=f"flow, version 1 “{flow.name}”"):
        segments.delete_segment(vip)
    assert Segment.objects.filter(pk=vip.pk).exists()
    versions.archive(flow, now=day(1))
    segments.delete_segment(vip)
    assert not Segment.objects.exists()


def test_a_stage_is_used_by_flows_segments_and_promotions() -> None:
    stage = {"stage": {"journey": "five-stage", "in": ["retention", "advocacy"]}}
    segment = segments.create_segment(name="Fans", rule={"not": stage}, actor=None, now=NOON)
    promotion = PromotionFactory.create(audience=stage)
    PromotionFactory.create(audience={"health": {"journey": "five-stage", "in": ["lapsed"]}})
    flow = FlowFactory.create(
        draft={"trigger": {"stage": {"journey": "five-stage", "stage": "advocacy"}}, "steps": [PAUSE]}
    )
    uses = [(str(use.what), use.url) for use in uses_of_stage("five-stage", "advocacy")]
    assert uses == [
        ("flow, as it is drafted", f"/journeys/flows/{flow.slug}/"), ("segment", segment.get_absolute_url()),
        ("promotion", promotion.get_absolute_url()),
    ]  # fmt: skip
    assert [use.name for use in uses_of_stage("five-stage", "retention")] == ["Fans", promotion.name]
    assert uses_of_stage("usage-loop", "advocacy") == []


# --- what is not there ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "path", "said"),
    [
        (VIP, "segment", "there is no segment “vip”"),
        ({"stage": {"journey": "five-stage", "in": ["purchase", "lost"]}}, "stage.in[1]", "there is no such stage"),
        ({"health": {"journey": "lost", "in": ["lapsed"]}}, "health.journey", "there is no journey “lost”"),
        ({"consent": {"channel": "sms", "topic": "gossip"}}, "consent.topic", "there is no topic “gossip”"),
        ({"message": {"result": "sent", "template": "lost"}}, "message.template", "there is no template “lost”"),
    ],
)
def test_conditions_that_name_what_is_not_there_stand_in_the_way(rule: Any, path: str, said: str) -> None:
    flow = {"trigger": {"manual": True}, "audience": rule, "steps": [{**branch(rule), "else": []}]}
    flow["steps"][0]["paths"][0]["steps"] = []  # type: ignore[index]
    assert [(fault.path, fault.step, fault.message) for fault in versions.faults_of(flow)] == [
        (f"audience.{path}", "", said), (f"steps[0].paths[0].if.{path}", "who", said),
    ]  # fmt: skip


@pytest.mark.parametrize("trigger", [VIP, {"schedule": {"cron": "0 9 * * *", "segment": "vip"}}])
def test_a_flow_that_starts_with_a_segment_that_is_not_there_is_not_published(trigger: Any) -> None:
    (fault,) = versions.faults_of({"trigger": trigger, "steps": [PAUSE]})
    assert (fault.path, fault.message) == (
        "trigger.segment" if trigger == VIP else "trigger.schedule.segment", "there is no segment “vip”",
    )  # fmt: skip


def test_an_event_nobody_ever_heard_of_is_a_warning_and_no_fault() -> None:
    flow = {
        "trigger": {"event": "Order Deliverd"},
        "steps": [{"id": "w", "type": "wait_event", "event": "Quiz Taken", "timeout": "P1D", "then": [], "else": []}],
    }
    assert versions.faults_of(flow) == []
    assert [(fault.path, fault.step) for fault in versions.warnings_of(flow)] == [
        ("trigger.event", ""), ("steps[0].event", "w"),
    ]  # fmt: skip
    happens(CustomerFactory.create(), "Quiz Taken", day(1))
    assert [fault.path for fault in versions.warnings_of(flow)] == ["trigger.event"]
    assert versions.warnings_of({"trigger": {"event": "Order Delivered"}, "steps": []}) == []
