"""A hostile client at the doors of flows, journeys and segments: never a 500, always where it is wrong and why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Segment
from crm.services import segments
from journeys.models import Flow, StageRule
from tests.crm.api.conftest import Program
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import PAUSE, FlowFactory, live_flow

pytestmark = pytest.mark.django_db

STEP: dict[str, Any] = {"id": "a", "type": "wait", "for": "P1D"}


def nested(levels: int, key: str = "not") -> Any:
    rule: Any = {"tag": "x"}
    for _ in range(levels):
        rule = {key: rule if key == "not" else [rule]}
    return rule


def branches(levels: int) -> Any:
    steps: list[Any] = [STEP]
    for level in range(levels):
        steps = [{"id": f"b{level}", "type": "branch", "paths": [{"name": "p", "if": {}, "steps": steps}], "else": []}]
    return {"trigger": {"manual": True}, "steps": steps}


HUGE = 10**400
ODD: list[Any] = [
    None, True, 0, -1, 1.5, HUGE, 1e308, "", "x", "\u0000", "\ud800", "ก" * 5000, [], [[]], [None], {}, {"": ""},
    {"a": {"b": [1, {"c": None}]}}, "1970-01-01", "-P1D", "P99999999999Y", "PT0S", [{}] * 300,
]  # fmt: skip
DEFINITIONS: list[Any] = [
    {"trigger": odd, "steps": [STEP]} for odd in ODD
] + [
    {"trigger": {"manual": True}, "steps": odd} for odd in ODD
] + [
    {"trigger": {"manual": True}, "steps": [{**STEP, key: odd}]}
    for key in ("id", "type", "for", "until", "window", "missing", "surprise") for odd in ODD
] + [
    {"trigger": {"manual": True}, "steps": [STEP], key: odd}
    for key in ("audience", "reentry", "exits", "goal", "holdout", "surprise") for odd in ODD
] + [
    {"trigger": {"manual": True}, "steps": [{"id": "a", "type": "wait", "until": {"product": "time_of_use", key: odd}}]}
    for key in ("product", "attribute", "offset", "surprise") for odd in ODD
] + [
    {"trigger": {"date": {"attribute": "b", "offset": odd, "at": odd}}, "steps": [STEP]} for odd in ODD
] + [
    {"trigger": {"schedule": {"cron": odd, "segment": odd}}, "steps": [STEP]}
    for odd in [*ODD, "* * * * * *", "99 * * * *"]
] + [
    {"trigger": {"segment": "ลูกค้า"}, "steps": [{"id": "t", "type": "enrol", "flow": "โฟลว์"}]},
    {"trigger": {"event": "X", "where": [{"property": "a", "op": "eq", "value": HUGE}]}, "steps": [STEP]},
    {"trigger": {"manual": True}, "audience": nested(30), "steps": [STEP]},
    {"trigger": {"manual": True}, "audience": {"all": [{"tag": "x"}] * 500}, "steps": [STEP]},
    {"trigger": {"manual": True}, "steps": [{**STEP, "id": f"s{n}"} for n in range(400)]},
    branches(8), branches(9), branches(12),
]  # fmt: skip


def body(value: Any) -> bytes:
    """As a client in C would send it: whatever it is, in one piece."""
    return json.dumps(value).encode()


def judged(response: Any) -> None:
    """Refused with the place and the reason, or taken; nothing else."""
    assert response.status_code < 500, response.content[:300]
    if response.status_code >= 400:
        problem = response.json()
        assert problem["title"]
        if response.status_code == 400:
            assert problem.get("errors") or problem.get("detail"), problem
            for error in problem.get("errors", []):
                assert error["code"]
                assert error["message"] or error.get("detail")


def test_whatever_a_definition_holds_it_is_stored_with_its_faults_or_refused(api: Program) -> None:
    for number, definition in enumerate(DEFINITIONS):
        judged(api.post("flows/", body({"slug": f"flow-{number}", "name": "x", "definition": definition})))
    for flow in Flow.objects.all():
        shown = api.get(f"flows/{flow.slug}/")
        assert shown.status_code == 200
        for fault in shown.json()["faults"]:
            assert fault["message"], (flow.draft, fault)
        if shown.json()["faults"]:
            assert api.post(f"flows/{flow.slug}/publish/", {}).status_code == 400


def test_a_definition_that_is_only_checked_is_told_all_its_faults(api: Program) -> None:
    flow = FlowFactory.create()
    for definition in DEFINITIONS:
        judged(api.post(f"flows/{flow.slug}/validate/", body({"definition": definition})))


@pytest.mark.parametrize("field", ["slug", "name", "name_th", "description", "definition", "surprise"])
def test_no_value_of_a_flow_breaks_the_door(api: Program, field: str) -> None:
    given = {"slug": "fine", "name": "x", "definition": {"trigger": {"manual": True}, "steps": [PAUSE]}}
    for odd in [*ODD, "ไทย", "a b", "a/../b", "A", "x" * 65]:
        Flow.objects.all().delete()
        judged(api.post("flows/", body({**given, field: odd})))
        judged(api.post("flows/", body({key: value for key, value in given.items() if key != field})))
        known = FlowFactory.create()
        judged(api.patch(f"flows/{known.slug}/", body({field: odd})))
        judged(api.put(f"flows/{known.slug}/", body({**given, field: odd})))


def test_no_body_breaks_a_verb(api: Program) -> None:
    flow, customer = live_flow(PAUSE), CustomerFactory.create()
    for odd in ODD:
        for verb, fields in (
            ("publish", ("people_inside", "backfill")),
            ("resume", ("skip_older_than", "per_minute")),
            ("enrol", ("customers", "properties")),
            ("pause", ("x",)),
            ("validate", ("definition",)),
        ):
            judged(api.post(f"flows/{flow.slug}/{verb}/", body(odd)))
            for field in fields:
                given = {"customers": [str(customer.public_id)]} if verb == "enrol" else {}
                judged(api.post(f"flows/{flow.slug}/{verb}/", body({**given, field: odd})))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"a":1,"a":2}', b'{"n":NaN}', b"\xff\xfe", b"[" * 5000, b'{"a":' * 300]
)
def test_what_is_no_object_of_json_is_refused_everywhere(api: Program, raw: bytes) -> None:
    flow = FlowFactory.create()
    for path in (
        "flows/", f"flows/{flow.slug}/publish/", f"flows/{flow.slug}/enrol/", "segments/", "segments/preview/",
        "journeys/", f"customers/{CustomerFactory.create().public_id}/stage/",
    ):  # fmt: skip
        response = api.post(path, raw)
        judged(response)
        assert response.status_code in (400, 413, 409) or raw == b"", (path, response.status_code)


@pytest.mark.parametrize("slug", ["ไทย", "a%20b", "%00", "..", "x" * 300, "new"])
@pytest.mark.parametrize("noun", ["flows", "journeys", "segments"])
def test_a_slug_nobody_has_is_not_found(api: Program, noun: str, slug: str) -> None:
    for response in (api.get(f"{noun}/{slug}/"), api.patch(f"{noun}/{slug}/", {"name": "x"})):
        assert response.status_code in (400, 404, 405), response.status_code


def test_no_value_of_a_journey_breaks_the_door(api: Program) -> None:
    given = {"slug": "club", "name": "Club", "stages": [{"slug": "in", "name": "In"}]}
    for odd in ODD:
        for field in (*given, "at_risk_after", "lapsed_after", "active", "default", "surprise"):
            judged(api.post("journeys/", body({**given, "slug": "club", field: odd})))
            judged(api.patch("journeys/five-stage/", body({field: odd})))
        for field in ("name", "colour", "rank"):
            judged(api.put("journeys/five-stage/stages/purchase/", body({field: odd})))
        judged(api.call("DELETE", "journeys/five-stage/stages/lost/", body(odd)))
        judged(api.call("DELETE", "journeys/five-stage/stages/purchase/", body({"move_to": odd, "x": odd})))
        for field in ("name", "events", "where", "history", "priority"):
            rule = {"name": "r", "events": ["X"], field: odd}
            judged(api.put("journeys/five-stage/stages/advocacy/rules/", body({"rules": [rule]})))
    assert StageRule.objects.exists()


def test_no_rule_breaks_the_door_of_segments(api: Program) -> None:
    segments.create_segment(name="VIP", rule={"tag": "vip"}, actor=None, now=timezone.now())
    kinds = (
        "field", "attribute", "tag", "consent", "event", "message", "purchases", "ticket", "review", "stage", "health",
        "segment", "all", "any", "not", "lost",
    )  # fmt: skip
    rules = [{kind: odd} for kind in kinds for odd in ODD] + [nested(7), nested(9), nested(60), nested(9, "all")]
    for rule in [*ODD, *rules]:
        judged(api.post("segments/preview/", body({"rule": rule})))
        judged(api.patch("segments/vip/", body({"rule": rule})))
    assert Segment.objects.count() == 1


def test_the_past_and_the_far_future_are_no_fault_of_ours(api: Program) -> None:
    customer = CustomerFactory.create()
    for moment in (
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        0,
    ):
        given = {"journey": "five-stage", "stage": "purchase", "hold_until": moment}
        judged(api.post(f"customers/{customer.public_id}/stage/", body(given)))
        flow = live_flow(PAUSE)
        judged(
            api.post(
                f"flows/{flow.slug}/enrol/",
                body({"customers": [str(customer.public_id)], "properties": {"at": moment}}),
            )
        )
