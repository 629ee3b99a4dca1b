"""flows/…/tests/: what programs may expect of a draft, and what publishing says to it."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Event
from journeys.models import Enrolment, Flow, FlowTest
from messaging.models import Message
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, UserFactory
from tests.factories.journeys import FlowFactory
from tests.journeys.api.test_simulations import REVIEW_REQUEST, SCRIPT

pytestmark = pytest.mark.django_db

TOLD = {name: value for name, value in SCRIPT.items() if name != "definition"}
TEST: dict[str, Any] = {"name": "By night", "script": TOLD}


@pytest.fixture
def flow() -> Flow:
    return FlowFactory.create(slug="reviews", draft=REVIEW_REQUEST)


def break_it(flow: Flow) -> None:
    flow.draft = {
        **REVIEW_REQUEST,
        "steps": [{"id": "settle", "type": "wait", "for": "PT1H"}, REVIEW_REQUEST["steps"][1]],
    }
    flow.save()


def test_a_test_is_kept_run_refused_by_and_deleted(api: Program, flow: Flow) -> None:
    made = api.post("flows/reviews/tests/", TEST)

    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["passed"], body["differences"]) == ("By night", None, [])
    assert [(line["at"], line["step"], line["what"]) for line in body["expected"]] == [
        ("2026-03-06T10:00:00", None, "entered"),
        ("2026-03-06T22:00:00", "settle", "woken"),
        ("2026-03-06T22:00:00", "ask", "held"),
        ("2026-03-06T22:00:00", None, "completed"),
        ("2026-03-07T09:00:00", "ask", "sent"),
    ]
    assert body["expected"][4]["body"] == "Hi Ploy"

    ran = api.post("flows/reviews/tests/run/").json()
    assert (ran["passed"], [(test["name"], test["passed"]) for test in ran["results"]]) == (True, [("By night", True)])

    break_it(flow)
    assert api.get("flows/reviews/tests/").json()["results"][0]["passed"] is None
    failed = api.post("flows/reviews/tests/run/").json()
    assert failed["passed"] is False
    first = failed["results"][0]["differences"][0]
    assert (first["kind"], first["got"]["at"]) == ("changed", "2026-03-06T11:00:00")

    refused = api.post("flows/reviews/publish/", {})
    assert refused.status_code == 400
    ((pointer, code),) = faults(refused)
    assert (pointer, code) == ("/tests/By night", "test_failed")
    assert refused.json()["errors"][0]["message"].startswith("The test “By night” fails: expected: ")
    assert Flow.objects.get().state == "draft"

    assert api.call("DELETE", f"flows/reviews/tests/{body['id']}/").status_code == 204
    assert api.post("flows/reviews/publish/", {}).status_code == 200


def test_what_is_expected_may_be_said_and_left_open(api: Program, flow: Flow) -> None:
    expected = [{"at": "2026-03-06T10:00", "step": None, "what": "entered"}]

    made = api.post("flows/reviews/tests/", {**TEST, "expected": expected}).json()

    assert made["expected"] == [{"at": "2026-03-06T10:00:00", "step": None, "what": "entered"}]
    assert api.post("flows/reviews/tests/", {**TEST, "name": "Times", "texts": False}).status_code == 201
    assert "body" not in FlowTest.objects.get(name="Times").expected[4]


def test_keeping_a_test_writes_nothing_else(api: Program, flow: Flow) -> None:
    api.post("flows/reviews/tests/", TEST)

    assert not Event.objects.exists()
    assert not Enrolment.objects.exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ({"name": ""}, "/name", "blank"),
        ({"script": {**TOLD, "until": "2026-03-01T00:00:00Z"}}, "/script/until", "invalid"),
        ({"script": {**TOLD, "customer": "x"}}, "/script/customer", "unknown_field"),
        (
            {"script": {**TOLD, "profile": {"consents": {"sms": {"gone": "in"}}}}},
            "/script/profile/consents/sms/gone", "invalid_consent",
        ),
        ({"expected": [{"at": "soon", "step": None, "what": "entered"}]}, "/expected/0/at", "invalid"),
        ({"expected": [{"at": "2026-02-30T10:00", "step": None, "what": "entered"}]}, "/expected/0/at", "invalid_time"),
        ({"expected": [{"at": "2026-03-06T10:00", "step": None, "what": "no"}]}, "/expected/0/what", "invalid_choice"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_named(api: Program, flow: Flow, given: dict[str, Any], pointer: str, code: str) -> None:
    response = api.post("flows/reviews/tests/", {**TEST, **given})

    assert response.status_code == 400
    assert faults(response) == [(pointer, code)]
    assert not FlowTest.objects.exists()


def test_a_name_that_is_taken_and_a_flow_that_is_not_there(api: Program, flow: Flow) -> None:
    api.post("flows/reviews/tests/", TEST)

    assert faults(api.post("flows/reviews/tests/", TEST)) == [("/name", "conflict")]
    assert api.post("flows/lost/tests/", TEST).status_code == 404
    assert api.call("DELETE", "flows/reviews/tests/999/").status_code == 404


def test_a_draft_with_faults_has_nothing_to_expect(api: Program) -> None:
    FlowFactory.create(slug="reviews", draft={"trigger": {"manual": True}, "steps": []})

    assert [code for _pointer, code in faults(api.post("flows/reviews/tests/", TEST))] == ["invalid_definition"]


def test_only_those_who_draft_flows_keep_tests(api: Program, flow: Flow) -> None:
    CustomerFactory.create()
    api.client.force_login(UserFactory.create(role="viewer"))
    answer = api.client.post("/api/v1/flows/reviews/tests/", TEST, content_type="application/json")
    assert answer.status_code == 403
    assert api.client.get("/api/v1/flows/reviews/tests/").status_code == 200
