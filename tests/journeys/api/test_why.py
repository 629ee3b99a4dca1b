"""GET customers/{id}/why/."""

from __future__ import annotations

import pytest

from crm.models import Customer
from journeys.flows import runner
from journeys.models import Enrolment, Flow
from messaging.models import Message
from messaging.outbox import sender
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import FlowFactory, live_flow
from tests.journeys.flows.worlds import send, wait
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db


def ask(api: Program, customer: Customer, query: str = "") -> dict[str, object]:
    return api.get(f"customers/{customer.public_id}/why/{query}").json()  # type: ignore[no-any-return]


def verdicts(answer: dict[str, object]) -> dict[str, str]:
    (flow,) = answer["flows"]  # type: ignore[misc]
    return {gate["gate"]: gate["verdict"] for gate in flow["gates"]}  # type: ignore[index]


def test_every_gate_of_a_flow_says_how_it_was_answered(api: Program) -> None:
    flow = live_flow(
        wait("settle", "P1D"), trigger={"event": "Order Delivered"},
        audience={"all": [{"tag": "vip"}, {"not": {"tag": "no"}}]},
    )  # fmt: skip
    ploy = CustomerFactory.create()

    answer = ask(api, ploy, f"?flow={flow.slug}")

    assert verdicts(answer) == {
        "flow": "passed", "person": "passed", "trigger": "stopped", "audience": "stopped", "reentry": "not_asked",
        "holdout": "not_asked", "exits": "not_asked",
    }  # fmt: skip
    (found,) = answer["flows"]  # type: ignore[misc]
    assert (found["may_enter"], found["stopped_by"]) == (False, "trigger")  # type: ignore[index]
    assert found["gates"][3]["inputs"]["rules"] == [  # type: ignore[index]
        {"rule": {"tag": "vip"}, "holds": False, "value": []},
        {"rule": {"not": {"tag": "no"}}, "holds": True, "value": []},
    ]


def test_who_is_in_is_told_where_they_stand_and_that_they_cannot_enter_twice(api: Program) -> None:
    flow = live_flow(wait("settle", "P1D"), trigger={"event": "Order Delivered"}, reentry={"policy": "after_exit"})
    ploy = CustomerFactory.create()
    happens(ploy, "Order Delivered", NOON, order_id="7")

    answer = ask(api, ploy, f"?flow={flow.slug}")

    assert verdicts(answer)["reentry"] == "stopped"
    (found,) = answer["flows"]  # type: ignore[misc]
    assert found["gates"][4]["inputs"]["last"]["state"] == "active"  # type: ignore[index]
    assert (found["runs"][0]["step"], found["runs"][0]["state"]) == ("settle", "active")  # type: ignore[index]
    assert Enrolment.objects.count() == 1


def test_who_is_held_out_is_told_so(api: Program) -> None:
    flow = live_flow(wait("settle", "P1D"), holdout=90)
    held = [verdicts(ask(api, CustomerFactory.create(), f"?flow={flow.slug}"))["holdout"] for _ in range(12)]

    assert "stopped" in held
    assert not Enrolment.objects.exists()


def test_without_parameters_the_entrances_of_all_live_flows_are_asked(api: Program) -> None:
    live = live_flow(wait("settle", "P1D"))
    draft = FlowFactory.create()
    ploy = CustomerFactory.create()

    answer = ask(api, ploy)

    slugs = [flow["flow"] for flow in answer["flows"]]  # type: ignore[attr-defined]
    assert live.slug in slugs
    assert draft.slug not in slugs
    assert len(slugs) == Flow.objects.filter(state="live").count()
    assert verdicts(ask(api, ploy, f"?flow={draft.slug}")) == {"flow": "stopped"}


def test_a_message_shows_the_policys_gates_as_decided_or_as_they_would_be(api: Program) -> None:
    flow = live_flow(send("ask", topic="promotions"), trigger={"event": "Order Delivered"})
    ploy = CustomerFactory.create()
    happens(ploy, "Order Delivered", NOON)
    runner.run_due(now=NOON, limit=10)

    forecast = ask(api, ploy, f"?flow={flow.slug}")["messages"]
    message = Message.objects.get()
    assert message.decision is None
    sender.send_due(now=day(1 / 24), limit=10)
    decided = ask(api, ploy, f"?message={message.public_id}")["messages"]

    for (found,), is_forecast in ((forecast, True), (decided, False)):  # type: ignore[misc]
        assert found["forecast"] is is_forecast  # type: ignore[index]
        told = {gate["gate"]: gate["verdict"] for gate in found["gates"]}  # type: ignore[index]
        assert (told["address"], told["consent"], told["frequency"]) == ("passed", "stopped", "not_asked")
        assert found["inputs"]["consent"] is None  # type: ignore[index]
    message.refresh_from_db()
    assert message.state == "withheld"


def test_what_is_not_there_is_said_by_name(api: Program) -> None:
    ploy = CustomerFactory.create()

    assert faults(api.get(f"customers/{ploy.public_id}/why/?flow=nowhere")) == [("flow", "unknown_flow")]
    assert faults(api.get(f"customers/{ploy.public_id}/why/?message=x")) == [("message", "unknown_message")]
    assert api.get(f"customers/{ploy.public_id}/why/?customer=1").json()["code"] == "unknown_parameter"
    assert api.get("customers/00000000-0000-4000-8000-000000000000/why/").status_code == 404
