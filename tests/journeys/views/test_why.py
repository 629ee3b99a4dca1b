"""Why somebody is in a flow or not, in plain words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Customer, Tag
from journeys.flows import enrolment, runner
from journeys.models import Enrolment
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import FlowFactory, live_flow
from tests.journeys.flows.worlds import send, wait
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db


def page(client: Client, customer: Customer, flow: str = "") -> str:
    response = client.get(f"/journeys/customers/{customer.public_id}/why/{f'?flow={flow}' if flow else ''}")
    assert response.status_code == 200
    return response.content.decode()


def said(client: Client, customer: Customer, flow: str) -> dict[str, tuple[str, str]]:
    gates = client.get(f"/journeys/customers/{customer.public_id}/why/?flow={flow}").context["gates"]
    return {gate.name: (gate.verdict, gate.detail) for gate in gates}


def test_every_gate_says_what_it_rests_on(manager: Client) -> None:
    flow = live_flow(
        trigger={"event": "Order Delivered", "where": [{"property": "total", "op": "gte", "value": 1000}]},
        audience={"all": [{"tag": "vip"}, {"not": {"tag": "no-reviews"}}]}, holdout=0,
    )  # fmt: skip
    customer = CustomerFactory.create(name="Ploy Jaidee")
    gates = said(manager, customer, flow.slug)
    assert gates["trigger"] == ("stopped", "waits for: Order delivered (total at least 1000); there was none")
    assert gates["reentry"] == ("not_asked", "")

    happens(customer, "Order Delivered", timezone.now() - timedelta(hours=1), total=500)
    assert said(manager, customer, flow.slug)["trigger"][1].endswith("had total = 500")

    happens(customer, "Order Delivered", timezone.now() - timedelta(minutes=5), total=1500)
    gates = said(manager, customer, flow.slug)
    assert (gates["trigger"][0], gates["audience"][0]) == ("passed", "stopped")
    body = page(manager, customer, flow.slug)
    assert "does not hold:</span> tagged “vip”" in body
    assert "holds:</span> not: tagged “no-reviews”" in body

    customer.tags.add(Tag.objects.create(name="vip"))
    gates = said(manager, customer, flow.slug)
    assert gates["reentry"] == ("passed", "never a second time; they were never in it")
    assert gates["holdout"] == ("passed", "nobody is held out of this flow")
    assert gates["exits"] == ("passed", "")
    assert not Enrolment.objects.exists()


def test_somebody_who_was_in_it_sees_when_and_what_became_of_the_messages(manager: Client) -> None:
    flow = live_flow(send("ask", body="Hi"), wait("then", "P1D"))
    customer = CustomerFactory.create(phone="+66812345678")
    now = timezone.now()
    enrolment.enrol_by_hand(flow, [customer], now=now)
    runner.run_due(now=now, limit=10)

    assert said(manager, customer, flow.slug)["reentry"][0] == "stopped"
    body = page(manager, customer, flow.slug)
    assert "Whether it may go out has not been asked yet." in body
    assert f"/journeys/runs/{Enrolment.objects.get().pk}/" in body


def test_a_flow_that_is_not_live_says_so(manager: Client) -> None:
    flow = FlowFactory.create()
    assert said(manager, CustomerFactory.create(), flow.slug) == {"flow": ("stopped", "it is draft")}


def test_all_live_flows_at_a_glance(manager: Client) -> None:
    open_, shut = live_flow(), live_flow(audience={"tag": "vip"})
    customer = CustomerFactory.create()

    rows = manager.get(f"/journeys/customers/{customer.public_id}/why/").context["answers"]

    assert {answer.flow.slug: gate and gate.name for answer, gate in rows} == {open_.slug: None, shut.slug: "audience"}
    assert "tagged “vip”" in page(manager, customer)


def test_nothing_live_is_a_page_too(manager: Client) -> None:
    assert "No flow is live." in page(manager, CustomerFactory.create())


def test_from_the_flow_one_looks_for_the_person(manager: Client) -> None:
    flow, customer = live_flow(), CustomerFactory.create(name="Somsri Sukjai")
    url = f"/journeys/flows/{flow.slug}/why/"

    assert "Whom is it about?" in manager.get(url).content.decode()
    assert (
        f"/journeys/customers/{customer.public_id}/why/?flow={flow.slug}"
        in manager.get(url, {"q": "somsri"}).content.decode()
    )
    assert "Nobody by that name or number." in manager.get(url, {"q": "nobody\0"}).content.decode()


def test_the_customers_page_leads_there(manager: Client, sign_in: SignIn) -> None:
    customer = CustomerFactory.create()
    link = f"/journeys/customers/{customer.public_id}/why/"
    assert link in manager.get(customer.get_absolute_url()).content.decode()
    support = sign_in("support")
    assert link not in support.get(customer.get_absolute_url()).content.decode()
    assert support.get(link).status_code == 403


def test_whom_one_may_not_see_one_may_not_ask_about(manager: Client) -> None:
    assert manager.get("/journeys/customers/00000000-0000-4000-8000-000000000000/why/").status_code == 404
    customer = CustomerFactory.create()
    assert manager.get(f"/journeys/customers/{customer.public_id}/why/?flow=lost").status_code == 404
