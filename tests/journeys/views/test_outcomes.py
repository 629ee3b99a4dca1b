"""What came of a task, said where staff finish it; the flow goes on by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Customer, Task, User
from journeys.flows import enrolment, runner
from journeys.models import StepVisit
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import live_flow

pytestmark = pytest.mark.django_db
CALL: dict[str, Any] = {
    "id": "call", "type": "task", "title": "Call them",
    "wait_for_outcome": {
        "timeout": "P3D", "else": [{"id": "else", "type": "tag", "add": ["lost"]}],
        "then": [
            {"outcome": "reached", "steps": [{"id": "won", "type": "tag", "add": ["won"]}]},
            {"outcome": "call <later>", "steps": []},
        ],
    },
}  # fmt: skip


@pytest.fixture
def customer() -> Customer:
    person, now = CustomerFactory.create(), timezone.now() - timedelta(hours=1)
    enrolment.enrol_by_hand(live_flow(CALL), [person], now=now)
    runner.run_due(now=now, limit=10)
    return person


def went() -> list[tuple[str, Any]]:
    runner.run_due(now=timezone.now(), limit=10)
    return list(StepVisit.objects.order_by("pk").values_list("step", "detail__outcome"))


@pytest.mark.parametrize("place", ["/", "customer"])
def test_each_outcome_has_its_button(manager: Client, customer: Customer, place: str) -> None:
    page = manager.get(customer.get_absolute_url() if place == "customer" else place).content.decode()
    for value in ("reached", "call &lt;later&gt;"):
        assert f'name="outcome" value="{value}"><button class="button button-s">{value}</button>' in page
    assert "Something else" in page


def test_the_flow_goes_on_by_the_button_that_was_pressed(manager: Client, customer: Customer) -> None:
    url = reverse("crm:task_done", args=[Task.objects.get().public_id])
    back = customer.get_absolute_url()
    response = manager.post(url, {"outcome": "reached", "next": back})
    assert (response.status_code, response.headers["Location"]) == (302, back)
    assert Task.objects.get().outcome == "reached"
    assert went() == [("call", "reached"), ("won", None)]


def test_something_else_takes_the_way_of_all_other_outcomes(manager: Client, customer: Customer) -> None:
    manager.post(reverse("crm:task_done", args=[Task.objects.get().public_id]))
    assert went() == [("call", ""), ("else", None)]


def test_an_outcome_that_is_too_long_finishes_nothing(manager: Client, customer: Customer) -> None:
    url = reverse("crm:task_done", args=[Task.objects.get().public_id])
    assert manager.post(url, {"outcome": "x" * 65}).status_code == 400
    assert Task.objects.get().done_at is None


def test_a_task_finished_in_the_admin_counts_as_well(client: Client, customer: Customer) -> None:
    task = Task.objects.get()
    client.force_login(User.objects.create_superuser("root"))
    now = timezone.localtime()
    sent = {
        "title": task.title, "detail": "", "customer": customer.pk, "assignee": "", "outcome": "Reached",
        "done_at_0": f"{now:%Y-%m-%d}", "done_at_1": f"{now:%H:%M:%S}",
        "created_at_0": f"{now:%Y-%m-%d}", "created_at_1": "00:00:00", "due_at_0": "", "due_at_1": "",
    }  # fmt: skip
    assert client.post(f"/admin/crm/task/{task.pk}/change/", sent).status_code == 302
    assert went() == [("call", "Reached"), ("won", None)]


def test_who_may_not_finish_tasks_sees_no_buttons(sign_in: SignIn, customer: Customer) -> None:
    page = sign_in(User.Role.VIEWER).get(customer.get_absolute_url()).content.decode()
    assert "Call them" in page
    assert 'name="outcome"' not in page
