"""The whole way: storefront, log, stage, flow, policy, sandbox phone, receipt, the same customer's timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config import ticks
from crm.events import log
from crm.events.signals import events_recorded
from crm.models import Customer, Event, FailedReaction, Purchase
from journeys.models import Enrolment, Position, StageMove
from messaging.models import Message, SandboxText
from tests.factories.crm import UserFactory
from tests.paths.conftest import START, World, publish

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)

REVIEW_REQUEST: dict[str, Any] = {
    "trigger": {"event": "Order Delivered"},
    "reentry": {"policy": "always", "key": "properties.order_id"},
    "exits": [{"event": "Order Refunded"}, {"rule": {"ticket": {"open": True, "kind": "after_sales"}}}],
    "goal": {"event": "Product Reviewed", "within": "P30D"},
    "steps": [
        {"id": "settle", "type": "wait", "for": "P7D", "window": {"from": "09:00", "to": "19:00"}},
        {
            "id": "ask",
            "type": "send",
            "channel": "sms",
            "body": "Hello {{ customer.first_name | default: 'there' }}, how is order {{ event.order_id }}?",
            "topic": "after_sales",
        },
    ],
}


def stages() -> dict[str, str]:
    return {p.journey.slug: p.stage.slug for p in Position.objects.select_related("journey", "stage") if p.stage}


def texts() -> list[str]:
    return list(SandboxText.objects.order_by("pk").values_list("body", flat=True))


def names() -> list[str]:
    return list(Event.objects.order_by("occurred_at", "pk").values_list("name", flat=True))


def test_from_the_storefront_to_the_phone_and_back_to_the_timeline(world: World, client: Client) -> None:
    publish("review-request", REVIEW_REQUEST)
    assert world.order() == 201
    customer = Customer.objects.get()
    assert stages() == {"five-stage": "purchase", "usage-loop": "purchase"}
    assert not Enrolment.objects.exists(), "nothing has been delivered yet"

    world.at(START + DAY)
    assert world.order(delivered_at=(START + DAY).isoformat()) == 200
    assert stages() == {"five-stage": "purchase", "usage-loop": "usage"}
    enrolment = Enrolment.objects.get()
    assert enrolment.due_at == START + 8 * DAY, "seven days later at the same hour, inside the window"

    world.until(START + 8 * DAY - timedelta(seconds=1))
    assert texts() == [], "not a second too early"

    world.until(START + 8 * DAY + timedelta(minutes=1))
    assert texts() == ["Hello there, how is order 1001?"]
    message = Message.objects.get()
    assert (message.state, message.address, message.customer) == ("delivered", "+66812345678", customer)
    enrolment.refresh_from_db()
    assert enrolment.state == "completed"

    timeline = world.api.get(f"customers/{customer.public_id}/timeline/").json()["results"]
    told = [entry["event"] for entry in timeline]
    assert told.index("Message Delivered") <= told.index("Message Sent") < told.index("Order Delivered")
    client.force_login(UserFactory.create())
    page = client.get(customer.get_absolute_url()).content.decode()
    assert "how is order 1001?" in page


def test_every_move_says_what_it_rests_on(world: World) -> None:
    world.order()

    move = StageMove.objects.get(journey__slug="five-stage", to_stage__slug="purchase")
    assert move.event is not None
    assert (move.event.name, move.cause, move.effective_at) == ("Order Completed", "event", START)
    assert move.rule is not None


def test_the_same_order_delivered_five_times_is_one_order_one_move_one_entry_one_message(world: World) -> None:
    publish("review-request", REVIEW_REQUEST)
    world.at(START + DAY)
    answers = [world.order(delivered_at=(START + DAY).isoformat()) for _ in range(5)]
    world.until(START + 20 * DAY)

    assert answers == [201, 200, 200, 200, 200]
    assert Purchase.objects.count() == 1
    assert names().count("Order Completed") == names().count("Order Delivered") == 1
    assert StageMove.objects.filter(to_stage__slug="purchase", journey__slug="five-stage").count() == 1
    assert Enrolment.objects.count() == 1
    assert len(texts()) == 1


def test_events_out_of_order_end_where_events_in_order_end(world: World) -> None:
    """The delivery of the first order becomes known after the second order: it was a repurchase all the same."""
    second = (START + 10 * DAY).isoformat()
    world.at(START + 10 * DAY)
    world.order("1002", placed_at=second)
    assert stages() == {"five-stage": "purchase", "usage-loop": "purchase"}
    world.order("1001")
    assert stages() == {"five-stage": "retention", "usage-loop": "purchase"}

    world.order("1001", delivered_at=(START + 2 * DAY).isoformat())

    assert stages() == {"five-stage": "retention", "usage-loop": "repurchase"}
    move = StageMove.objects.get(to_stage__slug="repurchase")
    assert (move.effective_at, move.recorded_at) == (START + 10 * DAY, START + 10 * DAY)
    retention = StageMove.objects.get(to_stage__slug="retention")
    assert retention.effective_at == START + 10 * DAY


def test_old_history_moves_stages_and_starts_no_flow(world: World) -> None:
    publish("review-request", REVIEW_REQUEST)
    world.at(START + 30 * DAY)
    world.order(delivered_at=(START + DAY).isoformat())

    assert stages()["usage-loop"] == "usage"
    assert not Enrolment.objects.exists()


def test_who_unsubscribes_during_a_wait_gets_nothing(world: World) -> None:
    publish("review-request", REVIEW_REQUEST)
    world.at(START + DAY)
    world.order(delivered_at=(START + DAY).isoformat())
    customer = Customer.objects.get()
    world.at(START + 3 * DAY)

    answer = world.api.put(f"customers/{customer.public_id}/consents/", {"sms": {"after_sales": "out"}})
    assert answer.status_code == 200
    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.due_at) == ("exited", None), "at once, not when the wait is over"

    world.until(START + 30 * DAY)
    assert texts() == []


def test_a_refund_during_a_wait_ends_it_at_once(world: World) -> None:
    publish("review-request", REVIEW_REQUEST)
    world.at(START + DAY)
    world.order(delivered_at=(START + DAY).isoformat())
    world.at(START + 2 * DAY)
    world.api.post("purchases/web/1001/refunds/", {"amount": {"amount": "590.00", "currency": "THB"}})

    assert Enrolment.objects.get().reason == "Order Refunded"
    world.until(START + 30 * DAY)
    assert texts() == []


def test_an_open_complaint_keeps_us_from_asking(world: World) -> None:
    publish("review-request", REVIEW_REQUEST)
    world.at(START + DAY)
    world.order(delivered_at=(START + DAY).isoformat())
    customer = Customer.objects.get()
    world.at(START + 5 * DAY)
    opened = world.api.post(
        "tickets/",
        {"customer": str(customer.public_id), "kind": "after_sales", "subject": "Broken", "body": "It leaks"},
    )
    assert opened.status_code == 201, opened.content

    world.until(START + 30 * DAY)
    assert texts() == []
    assert Enrolment.objects.get().state == "exited"


@pytest.fixture
def broken() -> Iterator[dict[str, bool]]:
    """A receiver that raises while told to."""
    mood = {"raise": True}

    def raises(events: list[Event], **_: Any) -> None:
        if mood["raise"] and any(event.name == "Order Completed" for event in events):
            raise ZeroDivisionError("a broken rule")

    events_recorded.connect(raises, dispatch_uid="test.broken")
    yield mood
    events_recorded.disconnect(dispatch_uid="test.broken")


def test_a_receiver_that_raises_never_refuses_a_sale(world: World, broken: dict[str, bool]) -> None:
    assert world.order() == 201
    assert stages()["five-stage"] == "purchase", "the others reacted all the same"
    failed = FailedReaction.objects.get()
    assert (failed.receiver, failed.event.name) == ("test.broken", "Order Completed")

    broken["raise"] = False
    assert ticks.tick(START + timedelta(minutes=2))["reactions"] == 1
    assert not FailedReaction.objects.open().exists()


def test_a_stage_machine_that_raises_is_made_good_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("journeys.stages.machine.advance", lambda *_, **__: 1 / 0)
        assert world.order() == 201
    assert stages() == {}

    while log.retry_reactions(now=START + DAY, limit=100):
        pass

    assert stages() == {"five-stage": "purchase", "usage-loop": "purchase"}


def test_a_reply_on_the_phone_becomes_a_ticket_of_the_same_customer(world: World) -> None:
    from messaging.inbound.receive import receive_text

    world.order()
    receive_text(
        channel="sms",
        from_address="+66812345678",
        body="Where is my kettle?",
        provider="sandbox",
        provider_id="in-1",
        now=START,
    )

    customer = Customer.objects.get()
    ticket = customer.tickets.get()
    assert (ticket.kind, ticket.messages.get().body) == ("after_sales", "Where is my kettle?")
    assert "Ticket Message Received" in names()


def test_stop_by_reply_withholds_what_was_still_to_come(world: World) -> None:
    from messaging.inbound.receive import receive_text

    publish("review-request", REVIEW_REQUEST)
    world.at(START + DAY)
    world.order(delivered_at=(START + DAY).isoformat())
    receive_text(
        channel="sms",
        from_address="+66812345678",
        body=" StOp. ",
        provider="sandbox",
        provider_id="in-1",
        now=START + DAY,
    )
    world.until(START + 30 * DAY)

    assert not any("how is order" in text for text in texts())
    assert len(texts()) == 1, "one confirmation, and nothing else"


def test_a_hundred_runs_cost_the_runner_the_same_queries_as_twenty(world: World) -> None:
    publish("review-request", REVIEW_REQUEST)
    counts = []
    # The first of all reads the configuration; a provider gets more than ten in two goes (messaging.outbox.delivery).
    for size in (1, 20, 100):
        people = [
            {
                "customer": {"email": f"p{size}-{n}@example.com", "phone": f"+6681{size:03}{n:04}"},
                "event": "Order Delivered",
                "properties": {"order_id": f"{size}-{n}"},
                "occurred_at": START.isoformat(),
                "id": f"{size}-{n}",
            }
            for n in range(size)
        ]
        assert world.api.post("events/", {"events": people}).status_code == 200
        with CaptureQueriesContext(connection) as captured:
            ticks.tick(START + 7 * DAY)
        counts.append(len(captured))
    assert len(texts()) == 121
    assert counts[1] == counts[2]
