"""Broadcasts over the API: the same as on the pages, by program or by staff."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from crm.models import User
from messaging.broadcasts import launch
from messaging.models import Broadcast, Message
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.messaging import make_broadcast, make_people
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

DRAFT = {
    "name": "Spring", "topic": "after_sales", "channel": "sms",
    "variants": [{"body": "Hello {{ customer.first_name }}"}, {"body": "Good day", "weight": 3}],
}  # fmt: skip


@pytest.fixture
def api() -> Program:
    cache.clear()
    return Program()


def under_way(**fields) -> Broadcast:
    broadcast = make_broadcast(**fields)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    return broadcast


def test_a_draft_is_made_read_changed_and_thrown_away(api: Program) -> None:
    made = api.post("broadcasts/", DRAFT)

    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["rule"], body["timing"]) == ("draft", {}, "now")
    assert [(text["letter"], text["weight"]) for text in body["variants"]] == [("A", 1), ("B", 3)]
    path = f"broadcasts/{body['id']}/"
    assert api.get(path).json() == body
    changed = api.patch(path, {"per_minute": 60, "variants": [{"body": "Hi"}]}).json()
    assert (changed["name"], changed["per_minute"], len(changed["variants"])) == ("Spring", 60, 1)
    assert [row["id"] for row in api.get("broadcasts/?state=draft").json()["results"]] == [body["id"]]
    assert api.call("DELETE", path).status_code == 204
    assert Broadcast.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": ""}, ("/name", "blank")),
        ({"colour": "red"}, ("/colour", "unknown_field")),
        ({"topic": "fishing"}, ("/topic", "unknown_topic")),
        ({"channel": "pigeon"}, ("/channel", "invalid_choice")),
        ({"rule": {"all": [{"segment": "gone"}]}}, ("/rule/all/0/segment", "invalid_rule")),
        ({"per_minute": -1}, ("/per_minute", "out_of_range")),
        ({"starts_at": "2026-03-06T10:00"}, ("/starts_at", "no_zone")),
        ({"variants": [{"body": "{{ customer.api_key }}"}]}, ("/variants/0/body", "unknown_variable")),
        ({"variants": [{"body": "a", "size": 1}]}, ("/variants/0/size", "unknown_field")),
        ({"variants": [{"body": "a"}] * 5}, ("/variants", "too_many")),
        ({"rule": 7}, ("/rule", "invalid_rule")),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(api: Program, changes: dict, expected: tuple[str, str]) -> None:
    answer = api.post("broadcasts/", {**DRAFT, **changes})

    assert answer.status_code == 400
    assert faults(answer) == [expected]
    assert Broadcast.objects.count() == 0


def test_the_estimate_counts_and_writes_nothing(api: Program) -> None:
    make_people(2)
    CustomerFactory(phone="")
    broadcast = make_broadcast("Hello")

    body = api.post(f"broadcasts/{broadcast.public_id}/estimate/", {}).json()

    assert (body["people"], body["sendable"], body["by_channel"]) == (3, 2, {"sms": 2})
    assert (body["excluded"], body["faults"], body["segments"]) == ({"unreachable": 1}, [], 2)
    assert Message.objects.count() == 0


def test_a_program_sends_to_a_few_and_asks_for_many(api: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ALONE", 2)
    make_people(2)
    few, many = make_broadcast(), make_broadcast(number=2)

    sent = api.post(f"broadcasts/{few.public_id}/send/", {})
    CustomerFactory()
    asked = api.post(f"broadcasts/{many.public_id}/send/", {})

    assert (sent.status_code, sent.json()["answer"], sent.json()["people"]) == (202, "scheduled", 2)
    assert (asked.json()["answer"], asked.json()["broadcast"]["awaits_approval"]) == ("approval_asked", True)
    assert api.post(f"broadcasts/{many.public_id}/approve/", {}).json()["code"] == "forbidden"


def test_sending_the_same_call_twice_sends_once(api: Program) -> None:
    make_people(1)
    path = f"broadcasts/{make_broadcast().public_id}/send/"

    first = api.post(path, {}, Idempotency_Key="once")
    again = api.post(path, {}, Idempotency_Key="once")
    other = api.post(path, {})

    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_with_something_in_the_way_it_says_what_and_where(api: Program) -> None:
    answer = api.post(f"broadcasts/{make_broadcast('').public_id}/send/", {})

    assert (answer.status_code, faults(answer)) == (400, [("/variants/0/body", "required")])


def test_pause_go_on_and_cancel(api: Program) -> None:
    make_people(1)
    path = f"broadcasts/{under_way().public_id}/"

    for call, state in [("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")]:
        assert api.post(f"{path}{call}/", {}).json()["state"] == state
    assert api.post(f"{path}pause/", {}).json()["code"] == "conflict"
    assert api.post(f"{path}pause/", {"now": True}).json()["code"] == "unknown_field"


def test_a_scheduled_one_is_taken_back(api: Program) -> None:
    make_people(1)
    broadcast = make_broadcast()
    api.post(f"broadcasts/{broadcast.public_id}/send/", {})

    assert api.post(f"broadcasts/{broadcast.public_id}/recall/", {}).json()["state"] == "draft"


def test_the_winner_is_chosen(api: Program) -> None:
    make_people(20)
    broadcast = make_broadcast("One", "Two", test_share=50, winner_by="person")
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run_and_send(NOON)

    assert api.post(f"broadcasts/{broadcast.public_id}/winner/", {"winner": "E"}).status_code == 400
    assert api.post(f"broadcasts/{broadcast.public_id}/winner/", {"winner": "B"}).json()["winner"] == "B"


def test_results_count_by_variant_and_reason(api: Program) -> None:
    people = make_people(3)
    people[0].phone = ""
    people[0].save()
    broadcast = under_way()
    run_and_send(NOON)

    body = api.get(f"broadcasts/{broadcast.public_id}/results/").json()

    assert body["state"] == "done"
    assert (body["total"]["people"], body["total"]["counts"]["delivered"]) == (3, 2)
    assert body["total"]["withheld"] == {"unreachable": 1}
    assert [row["letter"] for row in body["variants"]] == ["A"]
    assert body["leader"] is None


def test_each_call_needs_its_scope() -> None:
    cache.clear()
    path = f"broadcasts/{make_broadcast().public_id}/"
    reader, writer = Program("broadcasts:read"), Program("broadcasts:write", source="erp")

    assert reader.get(path).status_code == 200
    assert writer.get(path).json()["code"] == "missing_scope"
    assert reader.patch(path, {"name": "x"}).json()["code"] == "missing_scope"
    assert writer.post(f"{path}send/", {}).json()["code"] == "missing_scope"
    assert Broadcast.objects.get().state == "draft"


@pytest.mark.parametrize(
    ("role", "read", "send"),
    [(User.Role.VIEWER, 200, 403), (User.Role.MARKETER, 200, 202), (User.Role.SUPPORT, 403, 403)],
)
def test_staff_do_what_their_role_allows(role: User.Role, read: int, send: int) -> None:
    cache.clear()
    make_people(1)
    path = f"/api/v1/broadcasts/{make_broadcast().public_id}/"
    client = Client()
    client.force_login(UserFactory(role=role))

    assert client.get(path).status_code == read
    assert client.post(f"{path}send/", {}, content_type="application/json").status_code == send


def test_staff_stop_their_own_only() -> None:
    cache.clear()
    make_people(1)
    client = Client()
    client.force_login(UserFactory(role=User.Role.MARKETER))

    answer = client.post(f"/api/v1/broadcasts/{under_way().public_id}/pause/", {}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
