from __future__ import annotations

from typing import Any

import pytest

from journeys.flows import enrolment, plans, runner, versions
from journeys.flows.definition import InvalidDefinition
from journeys.models import Flow
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.journeys import PAUSE, FlowFactory, live_flow
from tests.journeys.flows.test_definition import REVIEW_REQUEST
from tests.journeys.happenings import day, run_of

pytestmark = pytest.mark.django_db


def faults(definition: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(fault.path, fault.step, fault.message) for fault in versions.faults_of(definition)]


def test_publishing_freezes_the_draft_and_lets_people_in() -> None:
    flow, actor = FlowFactory.create(), UserFactory.create()
    version = versions.publish(flow, actor=actor, now=day(1))
    flow.refresh_from_db()
    assert (flow.state, flow.live_version, flow.updated_at) == ("live", version, day(1))
    assert (version.number, version.definition, version.published_by) == (1, flow.draft, actor)
    flow.draft["steps"][0]["for"] = "P2D"
    flow.save()
    version.refresh_from_db()
    assert version.definition["steps"][0]["for"] == "P1D"


def test_publishing_an_unchanged_draft_makes_no_new_version() -> None:
    flow = live_flow()
    assert versions.publish(flow, actor=None, now=day(1)) == flow.live_version
    assert flow.versions.count() == 1


def test_each_change_is_the_next_version_also_a_return_to_an_earlier_one() -> None:
    flow = live_flow()
    first = flow.draft
    for number, draft in ((2, {**first, "holdout": 5}), (3, first)):
        flow.draft = draft
        flow.save()
        assert versions.publish(flow, actor=None, now=day(number)).number == number


def test_a_draft_with_faults_is_not_published() -> None:
    flow = FlowFactory.create(draft={"trigger": {"manual": True}, "steps": [{"id": "a", "type": "wait"}]})
    with pytest.raises(InvalidDefinition) as raised:
        versions.publish(flow, actor=None, now=NOON)
    assert [str(fault) for fault in raised.value.faults] == ["steps[0]: needs either for or until"]
    flow.refresh_from_db()
    assert (flow.state, flow.live_version) == ("draft", None)


def test_what_the_shop_does_not_have_is_a_fault_at_its_step() -> None:
    assert faults(REVIEW_REQUEST) == [
        ("steps[1].template", "ask", "there is no published template “review-request”"),
        ("steps[2].then[0].template", "thank", "there is no published template “review-thanks”"),
        ("steps[2].else[0].template", "remind", "there is no published template “reminder”"),
    ]
    step = {"id": "a", "type": "send", "channel": "sms", "topic": "gossip", "body": "Hi"}
    stage = {"stage": {"journey": "five-stage", "stage": "usage"}}
    assert faults({"trigger": stage, "steps": [step]}) == [
        ("trigger.stage", "", "there is no such stage"),
        ("steps[0].topic", "a", "there is no topic “gossip”"),
    ]


def test_a_slug_is_taken_once() -> None:
    versions.create_flow(slug="welcome", name="Welcome", definition={}, now=NOON)
    with pytest.raises(versions.CannotPublish):
        versions.create_flow(slug="welcome", name="Again", definition={}, now=NOON)
    assert Flow.objects.get().name == "Welcome"


def test_a_pause_keeps_people_where_they_are_and_resuming_goes_on() -> None:
    flow, customer = live_flow(PAUSE), CustomerFactory.create()
    enrolment.enrol_by_hand(flow, [customer], now=NOON)
    versions.pause(flow, now=day(0.5))
    assert runner.run_due(now=day(2), limit=10) == {}
    assert run_of(customer).due_at == day(1)
    versions.resume(flow, now=day(2))
    assert runner.run_due(now=day(2), limit=10) == {"completed": 1}


def test_what_is_not_live_cannot_be_paused_and_what_is_not_paused_cannot_be_resumed() -> None:
    draft, live = FlowFactory.create(), live_flow()
    for call, flow in ((versions.pause, draft), (versions.resume, live)):
        with pytest.raises(versions.CannotPublish):
            call(flow, now=NOON)


def test_an_archived_flow_is_not_published_again() -> None:
    flow = FlowFactory.create(state="archived")
    with pytest.raises(versions.CannotPublish):
        versions.publish(flow, actor=None, now=NOON)


def test_a_definition_is_compiled_once_and_shared_by_versions_that_say_the_same() -> None:
    one, two = live_flow(PAUSE), live_flow(PAUSE)
    assert one.live_version is not None
    assert two.live_version is not None
    assert plans.plan_of(one.live_version) is plans.plan_of(two.live_version)
