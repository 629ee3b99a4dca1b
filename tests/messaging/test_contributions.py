from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from crm import extensions
from crm.models import User
from crm.selectors.timeline import timeline
from crm.services import tickets
from messaging.channels.reasons import label_of as failed_reason
from messaging.contributions import broadcasts
from messaging.models import InboundMessage, Message, Suppression
from messaging.models.suppression import hash_address
from messaging.outbox import sender
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.crm.views.conftest import SignIn, manager, sign_in  # noqa: F401
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory, sales_see_their_own
from tests.factories.messaging import MessageFactory, make_broadcast, make_template, opt_in

pytestmark = pytest.mark.django_db
State = Message.State
BANGKOK = ZoneInfo("Asia/Bangkok")
CLEAR = "nothing to do"


def section(client: Client, key: str) -> Any:
    """A section of Today as `client` sees it: CLEAR when it is empty, None when it is not theirs."""
    shown = client.get("/").context
    found = [entry for entry in shown["sections"] if entry.section.key == key]
    return found[0] if found else next((CLEAR for section in shown["clear"] if section.key == key), None)


def doubtful(**fields: Any) -> InboundMessage:
    values = {
        "channel": "sms", "provider": "sandbox", "provider_id": "1", "from_address": "+66812345678",
        "body": "STOPPED by yesterday", "reading": "unclear", "customer": CustomerFactory(name="Ploy"),
        "received_at": NOON,
    }  # fmt: skip
    return InboundMessage.objects.create(**{**values, **fields})


# --- Today ----------------------------------------------------------------------------------------


def test_today_lists_messages_nobody_knows_about(manager: Client) -> None:  # noqa: F811
    message = MessageFactory(customer__name="Ploy", state=State.UNKNOWN_FINAL, reason="no_answer")
    MessageFactory(state=State.DELIVERED)
    found = section(manager, "unclear")
    assert [(item.title, item.url) for item in found.items] == [("SMS to Ploy", message.get_absolute_url())]
    assert found.total == 1
    assert found.url == "/messages/unclear/"


def test_today_lists_what_failed_since_yesterday(manager: Client) -> None:  # noqa: F811
    now = timezone.now()
    MessageFactory(customer__name="Ploy", state=State.FAILED, reason="undelivered", ended_at=now - timedelta(hours=23))
    MessageFactory(customer__name="Somchai", state=State.DEAD, reason="poison", ended_at=now - timedelta(hours=1))
    MessageFactory(state=State.FAILED, reason="undelivered", ended_at=now - timedelta(hours=25))
    found = section(manager, "failed")
    assert [item.title for item in found.items] == ["SMS to Somchai", "SMS to Ploy"]
    assert found.items[1].detail == "The provider could not deliver it · Hello"


def test_what_failed_is_for_leaders_and_what_is_unclear_for_those_who_write(sign_in: SignIn) -> None:  # noqa: F811
    support, viewer = sign_in(User.Role.SUPPORT), sign_in(User.Role.VIEWER)
    assert section(support, "failed") is None
    assert section(support, "unclear") == CLEAR
    assert section(viewer, "unclear") is None


def test_a_text_that_may_mean_stop_is_decided_on_by_a_person(manager: Client) -> None:  # noqa: F811
    text = doubtful()
    (item,) = section(manager, "perhaps-stop").items
    assert (item.title, item.detail, item.url) == ("STOPPED by yesterday", "Ploy", f"/messages/inbound/{text.pk}/")
    assert "STOPPED by yesterday" in manager.get(item.url).content.decode()
    manager.post(item.url, {"means": "other"})
    assert section(manager, "perhaps-stop") == CLEAR
    assert not Suppression.objects.exists()
    again = manager.post(item.url, {"means": "stop"}, follow=True)
    assert "Somebody has decided on it before." in again.content.decode()
    assert not Suppression.objects.exists()


def test_a_person_who_reads_stop_stops_it(manager: Client) -> None:  # noqa: F811
    text = doubtful()
    assert manager.post(f"/messages/inbound/{text.pk}/", {"means": "perhaps"}).status_code == 400
    manager.post(f"/messages/inbound/{text.pk}/", {"means": "stop"})
    assert Suppression.objects.values_list("scope", "cause").get() == ("all", "stop")


def test_only_doubtful_texts_of_ones_own_customers_are_to_decide_on(sign_in: SignIn) -> None:  # noqa: F811
    client = sign_in(User.Role.SALES)
    plain = doubtful(reading="message")
    theirs = doubtful(provider_id="2", customer=CustomerFactory(owner=UserFactory()))
    sales_see_their_own()
    client.post(plain.get_absolute_url(), {"means": "stop"})
    assert client.get(theirs.get_absolute_url()).status_code == 404
    assert client.post(theirs.get_absolute_url(), {"means": "stop"}).status_code == 404
    assert section(client, "perhaps-stop") == CLEAR
    assert not Suppression.objects.exists()


# --- The customer's page --------------------------------------------------------------------------


def test_the_timeline_tells_what_was_written_why_and_what_became_of_it() -> None:
    customer = CustomerFactory(phone="+66812345678")
    opt_in(customer, "promotions")
    noon = NOON - timedelta(hours=6)  # 13:00 in Bangkok
    request = MessageRequest(
        customer_id=customer.pk, channel="sms", topic="promotions", body="Sale", dedupe_key="sale",
        cause={"kind": "flow", "flow": "win-back", "enrolment": 3, "step": "offer"},
    )  # fmt: skip
    (message,) = queue_messages([request], now=noon)
    sender.send_due(now=noon, limit=10)
    (day,) = timeline(customer, now=NOON, zone=BANGKOK, category="message").days
    (entry,) = day.entries
    assert (str(entry.title), entry.text, entry.why) == ("We wrote", "SMS\nSale", "Flow win-back, step offer")
    assert [str(mark.text) for mark in entry.marks] == ["delivered"]
    assert entry.url == message.get_absolute_url()


def test_the_timeline_tells_why_nothing_was_written() -> None:
    customer = CustomerFactory()
    request = MessageRequest(
        customer_id=customer.pk, channel="sms", topic="promotions", body="Sale", dedupe_key="sale",
        cause={"kind": "flow", "flow": "win-back"},
    )  # fmt: skip
    queue_messages([request], now=NOON)
    sender.send_due(now=NOON, limit=10)
    (day,) = timeline(customer, now=NOON, zone=BANGKOK, category="message").days
    assert [(entry.text, entry.why) for entry in day.entries] == [
        ("SMS · No consent for this topic on this channel", "Flow win-back"),
    ]


def test_what_waits_is_still_to_come() -> None:
    customer = CustomerFactory()
    template = make_template("review-request", en="How is it?")
    due = NOON + timedelta(days=2)
    MessageFactory(customer=customer, template=template, due_at=due, cause={"kind": "flow", "flow": "reviews"})
    MessageFactory(customer=customer, due_at=NOON)  # goes any moment
    (item,) = [item for item in extensions.upcoming_items(customer, NOON) if item.icon == "send"]
    assert (item.at, item.title, item.why) == (due, "SMS: review-request", "Flow reviews")


def test_the_card_shows_the_last_messages_and_what_stands_against_the_address(manager: Client) -> None:  # noqa: F811
    customer = CustomerFactory(phone="+66812345678")
    assert 'id="messages-title"' not in manager.get(customer.get_absolute_url()).content.decode()
    MessageFactory.create_batch(7, customer=customer, state=State.WITHHELD, reason="suppressed")
    Suppression.objects.create(
        channel="sms", address_hash=hash_address("sms", "+66812345678"), scope="all", cause="stop", since=NOON
    )
    shown = manager.get(customer.get_absolute_url())
    (panel,) = [found["context"] for found in shown.context["panels"]["side"] if "latest" in found["context"]]
    assert len(panel["latest"]) == 5
    assert [(line.channel, [row.cause for row in line.suppressions]) for line in panel["stopped"]] == [
        ("sms", ["stop"])
    ]
    assert "SMS: asked us to stop" in shown.content.decode()
    assert "/lift/" not in shown.content.decode()


# --- A ticket ---------------------------------------------------------------------------------------


def test_a_ticket_shows_what_became_of_each_answer(sign_in: SignIn) -> None:  # noqa: F811
    ticket = TicketFactory.create(channel="sms")
    first, second, note = [
        tickets.add_message(ticket, author=author, body=body, staff=UserFactory.create(), now=NOON)
        for author, body in (("staff", "One"), ("staff", "Two"), ("note", "Between us"))
    ]
    sender.send_due(now=NOON, limit=1)
    failed = Message.objects.get(body="Two")
    Message.objects.filter(pk=failed.pk).update(state=State.FAILED, reason="unknown_address")
    marks = extensions.marks_of_turns([first, second, note])
    assert {pk: (str(mark.text), mark.tone, str(mark.why)) for pk, mark in marks.items()} == {
        first.pk: ("delivered", "t-good", ""),
        second.pk: ("failed", "t-bad", str(failed_reason("unknown_address"))),
    }
    page = sign_in(User.Role.SUPPORT).get(ticket.get_absolute_url()).content.decode()
    assert failed.get_absolute_url() in page


def test_turns_that_went_no_way_of_ours_have_no_mark() -> None:
    ticket = TicketFactory.create(channel="form")
    turn = tickets.add_message(ticket, author="staff", body="One", staff=UserFactory.create(), now=NOON)
    assert extensions.marks_of_turns([turn]) == {}
    assert extensions.marks_of_turns([]) == {}


def test_today_shows_the_broadcasts_that_wait_for_somebody() -> None:
    boss, marketer = UserFactory(), UserFactory(role=User.Role.MARKETER)
    make_broadcast(number=1, name="Asked", approval_asked_at=NOON, approval_asked_by=marketer)
    make_broadcast(number=2, name="Own", approval_asked_at=NOON, approval_asked_by=boss)
    make_broadcast(number=3, name="Stopped", state="paused", halt="too_many", started_at=NOON)
    make_broadcast(number=4, name="Paused", state="paused", started_at=NOON)
    make_broadcast("A", "B", number=5, name="Trial", state="sending", test_share=20, winner_by="person", tested_at=NOON)

    items, total = broadcasts.waiting_items(boss, NOON, 10)

    assert ([item.title for item in items], total) == (["Asked", "Stopped", "Trial"], 3)
    assert items[0].url.endswith("/review/")


def test_a_doubtful_text_of_nobody_we_know_is_everybodys_to_decide_on(sign_in: SignIn) -> None:  # noqa: F811
    client = sign_in(User.Role.SALES)
    strangers = doubtful(customer=None)
    sales_see_their_own()
    (item,) = section(client, "perhaps-stop").items
    assert item.url == f"/messages/inbound/{strangers.pk}/"
