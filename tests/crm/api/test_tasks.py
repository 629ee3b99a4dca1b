"""Tasks over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Customer, Event, Task, User
from crm.services import work
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later, sales_see_their_own

pytestmark = pytest.mark.django_db
KIND = "application/json"


def task(title: str = "Call them", **fields: Any) -> Task:
    return Task.objects.create(title=title, created_at=NOON, **fields)


def titles(api: Program, query: str = "") -> list[str]:
    return sorted(row["title"] for row in api.get(f"tasks/{query}").json()["results"])


def signed_in(role: str) -> tuple[Client, User]:
    client, user = Client(), UserFactory.create(role=role)
    client.force_login(user)
    return client, user


def test_a_task_is_added_read_changed_and_finished(api: Program) -> None:
    customer, mali = CustomerFactory.create(), UserFactory.create(username="mali")
    said = {
        "title": "Call them", "customer": str(customer.public_id), "assignee": "mali", "detail": "About the kettle",
        "due_at": "2026-03-03T09:00:00+07:00",
    }  # fmt: skip

    made = api.post("tasks/", said)

    assert made.status_code == 201
    body = made.json()
    expected = {**said, "due_at": "2026-03-03T02:00:00Z", "done_at": None, "outcome": "", "outcomes": [], "cause": ""}
    assert {name: body[name] for name in expected} == expected
    assert api.get(f"tasks/{body['id']}/").json() == body
    changed = api.patch(f"tasks/{body['id']}/", {"assignee": None, "due_at": None, "title": " Write "}).json()
    assert (changed["assignee"], changed["due_at"], changed["title"]) == (None, None, "Write")
    assert changed["detail"] == "About the kettle"
    done = api.post(f"tasks/{body['id']}/complete/", {"outcome": "reached"})
    assert (done.status_code, done.json()["outcome"]) == (200, "reached")
    assert done.json()["done_at"] is not None
    fact = Event.objects.get(name="Task Completed")
    assert (fact.customer, fact.properties["outcome"]) == (customer, "reached")
    assert Task.objects.get().assignee is None
    assert mali.tasks.count() == 0


def test_who_is_told_of_may_be_new_and_a_task_may_be_about_nobody(api: Program) -> None:
    api.post("tasks/", {"title": "Welcome", "customer": {"email": "new@example.com"}})
    api.post("tasks/", {"title": "Sweep the floor"})
    assert Task.objects.get(title="Welcome").customer == Customer.objects.get(email="new@example.com")
    assert Task.objects.get(title="Sweep the floor").customer is None


def test_done_twice_keeps_the_first_outcome_and_is_one_fact_and_may_be_taken_back(api: Program) -> None:
    row = task(customer=CustomerFactory.create())
    api.post(f"tasks/{row.public_id}/complete/", {"outcome": "reached"})
    again = api.post(f"tasks/{row.public_id}/complete/", {"outcome": "lost"}).json()
    assert again["outcome"] == "reached"
    assert Event.objects.filter(name="Task Completed").count() == 1
    reopened = api.post(f"tasks/{row.public_id}/reopen/").json()
    assert (reopened["done_at"], reopened["outcome"]) == (None, "")


def test_the_list_narrows(api: Program) -> None:
    customer, mali = CustomerFactory.create(), UserFactory.create(username="mali")
    now = timezone.now()
    task("early", customer=customer, due_at=NOON, assignee=mali)
    task("late", due_at=now + timedelta(days=1))
    task("done", due_at=NOON, done_at=now)
    assert titles(api) == ["done", "early", "late"]
    assert titles(api, f"?customer={customer.public_id}") == ["early"]
    assert titles(api, "?assignee=mali") == ["early"]
    assert titles(api, "?state=open") == ["early", "late"]
    assert titles(api, "?state=overdue") == ["early"]
    assert titles(api, "?state=done") == ["done"]
    assert titles(api, f"?due_before={later(hours=1).isoformat()}".replace("+", "%2B")) == ["done", "early"]
    assert titles(api, f"?due_after={later(hours=1).isoformat()}".replace("+", "%2B")) == ["late"]
    assert titles(api, "?search=EARL") == ["early"]
    assert faults(api.get("tasks/?state=asleep")) == [("state", "invalid_choice")]


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        ({}, "/title", "required"),
        ({"title": " "}, "/title", "blank"),
        ({"title": "x" * 201}, "/title", "max_length"),
        ({"title": "x", "assignee": "nobody"}, "/assignee", "unknown_user"),
        ({"title": "x", "customer": "00000000-0000-0000-0000-000000000000"}, "/customer", "unknown_customer"),
        ({"title": "x", "due_at": "tomorrow"}, "/due_at", "invalid_time"),
        ({"title": "x", "outcome": "won"}, "/outcome", "unknown_field"),
        ({"title": "x", "detail": 7.5, "cause": "flow:x"}, "/cause", "unknown_field"),
    ],
)
def test_what_cannot_be_is_named(api: Program, body: dict[str, Any], place: str, code: str) -> None:
    response = api.post("tasks/", body)
    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert not Task.objects.exists()


def test_what_a_task_cannot_become_is_named_and_changes_nothing(api: Program) -> None:
    row = task()
    for body, fault in (
        ({"title": ""}, ("/title", "blank")),
        ({"title": None}, ("/title", "null")),
        ({"assignee": "nobody"}, ("/assignee", "unknown_user")),
        ({"customer": str(CustomerFactory.create().public_id)}, ("/customer", "unknown_field")),
    ):  # fmt: skip
        assert faults(api.patch(f"tasks/{row.public_id}/", body)) == [fault]
    too_long = api.post(f"tasks/{row.public_id}/complete/", {"outcome": "x" * 65})
    assert (too_long.status_code, faults(too_long)) == (400, [("/outcome", "max_length")])
    row.refresh_from_db()
    assert (row.title, row.assignee, row.done_at) == ("Call them", None, None)
    with pytest.raises(work.InvalidWork, match="title: is empty"):
        work.edit_task(row, {"title": " "})


def test_each_scope_opens_its_own_calls() -> None:
    row = task()
    reader, writer = Program("tasks:read"), Program("tasks:write")
    assert reader.get("tasks/").status_code == 200
    assert reader.post("tasks/", {"title": "x"}).json()["code"] == "missing_scope"
    assert reader.post(f"tasks/{row.public_id}/complete/").json()["code"] == "missing_scope"
    assert writer.get("tasks/").json()["code"] == "missing_scope"
    assert writer.post(f"tasks/{row.public_id}/complete/").status_code == 200


@pytest.mark.parametrize(
    ("role", "add"),
    [
        (User.Role.ADMIN, 201), (User.Role.MANAGER, 201), (User.Role.SALES, 201), (User.Role.MARKETER, 403),
        (User.Role.SUPPORT, 403), (User.Role.VIEWER, 403),
    ],
)  # fmt: skip
def test_staff_do_what_their_role_may_and_everybody_reads(role: str, add: int) -> None:
    client, _user = signed_in(role)
    assert client.get("/api/v1/tasks/").status_code == 200
    assert client.post("/api/v1/tasks/", {"title": "x"}, content_type=KIND).status_code == add


def test_staff_see_tasks_about_their_customers_and_finish_their_own_and_nobodys() -> None:
    sales_see_their_own()
    client, user = signed_in(User.Role.SALES)
    colleague = UserFactory.create()
    own, theirs = CustomerFactory.create(owner=user), CustomerFactory.create(owner=colleague)
    mine, free, taken = task("mine", customer=own, assignee=user), task("free"), task("taken", assignee=colleague)
    hidden = task("hidden", customer=theirs)
    listed = client.get("/api/v1/tasks/").json()["results"]
    assert sorted(row["title"] for row in listed) == ["free", "mine", "taken"]
    answers = {
        row.title: client.post(f"/api/v1/tasks/{row.public_id}/complete/", content_type=KIND).status_code
        for row in (mine, free, taken, hidden)
    }
    assert answers == {"mine": 200, "free": 200, "taken": 404, "hidden": 404}
    assert set(Task.objects.open().values_list("title", flat=True)) == {"taken", "hidden"}


def test_a_long_list_costs_as_few_queries_as_a_short_one(api: Program, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        task(f"{number}", customer=CustomerFactory.create(), assignee=UserFactory.create())
    with django_assert_max_num_queries(5):
        assert len(api.get("tasks/?limit=60").json()["results"]) == 60
