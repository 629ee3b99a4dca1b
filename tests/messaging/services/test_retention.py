"""What is forgotten with age, and what stays."""

import hashlib
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command

from crm.lib.uploads import Upload
from crm.models import ConsentEvent, Event
from crm.services import tickets
from messaging.inbound.receive import receive_text
from messaging.models import (
    Attempt,
    Message,
    MessagingSettings,
    ProviderCall,
    Receipt,
    RefusedCalls,
    SandboxText,
    Sweep,
)
from messaging.selectors.reading import reading_of
from messaging.services import retention
from tests.factories.crm import NOON, TicketFactory
from tests.factories.messaging import MessageFactory, make_template

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)


def forget(at: datetime) -> dict[str, int]:
    """Everything, in as many batches as it takes."""
    done = retention.forget_some(now=at)
    while (some := retention.forget_some(now=at)).total():
        done += some
    return dict(+done)


def call(**fields: Any) -> ProviderCall:
    row = {"channel": "sms", "provider": "fake", "what": "receipts", "method": "POST", "body": b"{}"}
    return ProviderCall.objects.create(**{**row, "received_at": NOON, "retry_at": NOON, **fields})


def receipt(number: int, message: Message | None, **fields: Any) -> Receipt:
    row = {"provider": "fake", "event_id": str(number), "news": "delivered", "raw": {"to": "+66812345678"}}
    return Receipt.objects.create(**{**row, "message": message, "occurred_at": NOON, "received_at": NOON, **fields})


def test_calls_of_providers_go_after_a_month_unless_something_of_them_is_still_to_be_done() -> None:
    call(processed_at=NOON)
    waiting = call(processed_at=None)
    assert forget(NOON + 30 * DAY) == {}
    assert forget(NOON + 30 * DAY + A_SECOND) == {"calls of providers": 1}
    assert list(ProviderCall.objects.all()) == [waiting]


def test_of_receipts_what_was_received_goes_and_what_it_meant_stays() -> None:
    ours, nobodys = receipt(1, MessageFactory(state="delivered")), receipt(2, None)
    assert forget(NOON + 30 * DAY) == {}
    assert forget(NOON + 30 * DAY + A_SECOND) == {"receipts as received": 1, "receipts of nobody's": 1}
    ours.refresh_from_db()
    assert (ours.raw, ours.news) == ({}, "delivered")
    assert not Receipt.objects.filter(pk=nobodys.pk).exists()


def test_refusals_are_forgotten_when_nobody_knocks_any_more() -> None:
    RefusedCalls.objects.create(channel="sms", code="bad_signature", count=9, last_at=NOON)
    assert forget(NOON + 30 * DAY + A_SECOND) == {"refusals": 1}


def test_attempts_go_after_ninety_days_and_the_message_stays() -> None:
    message = MessageFactory(state="sent", queued_at=NOON)
    Attempt.objects.create(message=message, token="1", provider="fake", started_at=NOON, outcome="accepted")
    assert forget(NOON + 90 * DAY) == {}
    assert forget(NOON + 90 * DAY + A_SECOND) == {"attempts": 1}
    assert list(Message.objects.all()) == [message]


def test_of_a_message_the_words_go_after_a_year_and_their_fingerprint_stays() -> None:
    message = MessageFactory(
        state="delivered", subject="Your order", body="It is here", html="<p>It is here</p>", source_body="{{ x }}",
        context={"order": {"number": "7"}}, sent_at=NOON, cause={"kind": "staff"}, is_literal=False,
    )  # fmt: skip
    assert forget(NOON + 365 * DAY) == {}
    assert forget(NOON + 365 * DAY + A_SECOND) == {"texts of messages": 1}
    row = Message.objects.select_related("customer", "template").get()
    assert (row.subject, row.body, row.html, row.source_body) == ("", "", "", "")
    assert row.text_hash == hashlib.sha256(b"Your order\0It is here\0<p>It is here</p>").hexdigest()
    assert (row.state, row.address, row.sent_at, row.cause) == (
        "delivered", message.address, NOON, {"kind": "staff"},
    )  # fmt: skip
    assert row.context == {"text_sha256": row.text_hash}
    assert (reading_of(row).body, reading_of(row).text_hash) == ("", row.text_hash)


def test_what_a_template_would_have_said_is_forgotten_with_its_data() -> None:
    MessageFactory(
        state="withheld", reason="no_consent", template=make_template("hi", en="Hi {{ event.name }}"), body="",
        context={"event": {"name": "Ann"}}, is_literal=False,
    )  # fmt: skip
    forget(NOON + 366 * DAY)
    row = Message.objects.get()
    assert (row.context, row.text_hash) == ({}, "")


def test_what_still_waits_keeps_what_it_is_to_say() -> None:
    MessageFactory(state="queued", body="Not yet")
    forget(NOON + 366 * DAY)
    assert Message.objects.get().body == "Not yet"


def test_the_sandbox_phone_forgets_too() -> None:
    for days in (0, 5):
        SandboxText.objects.create(
            key=str(days), channel="sms", address="+66812345678", body="Hi", is_from_us=True, at=NOON + days * DAY
        )
    assert forget(NOON + 366 * DAY) == {"texts on the sandbox phone": 1}
    assert SandboxText.objects.get().at == NOON + 5 * DAY


def test_it_goes_on_where_it_came_to_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(retention, "TEXTS_AT_ONCE", 2)
    old = MessageFactory.create_batch(3, state="sent")
    young = MessageFactory(state="sent", queued_at=NOON + 2 * DAY)
    for message in old:
        Attempt.objects.create(message=message, token="1", provider="fake", started_at=NOON, outcome="accepted")
    at = NOON + 366 * DAY
    assert +retention.forget_some(now=at) == {"attempts": 2, "texts of messages": 2}
    assert Sweep.objects.get(name="texts").position == old[1].pk
    assert +retention.forget_some(now=at) == {"attempts": 1, "texts of messages": 1}
    assert +retention.forget_some(now=at) == {}
    young.refresh_from_db()
    assert young.body == "Hello"


def test_what_people_wrote_to_us_goes_and_that_they_did_stays() -> None:
    row = receive_text(
        channel="sms", from_address="+66812345678", body="STOP", provider="fake", provider_id="1", now=NOON
    )
    assert not retention.is_forgotten(row)
    assert forget(NOON + 365 * DAY) == {}
    done = forget(NOON + 365 * DAY + A_SECOND)
    assert done["texts written to us"] == 1
    row.refresh_from_db()
    assert (row.body, row.reading, row.from_address) == ("", "stop", "+66812345678")
    assert retention.is_forgotten(row)
    assert Event.objects.get(name="Message Received").properties == {"channel": "sms", "keyword": "stop", "text": ""}
    assert ConsentEvent.objects.filter(wording="STOP").exists()  # evidence is kept


def test_the_conversation_of_a_solved_ticket_goes_with_its_files(django_capture_on_commit_callbacks: Any) -> None:
    solved, open_one = TicketFactory(channel="counter"), TicketFactory(channel="counter")
    for ticket in (solved, open_one):
        files = [Upload("leak.png", b"\x89PNG\r\n\x1a\n")]
        tickets.add_message(ticket, author="customer", body="It leaks", files=files, now=NOON)
    tickets.set_status(solved, "resolved", now=NOON)
    place = solved.messages.get().attachments.get().file.name
    assert forget(NOON + 365 * DAY) == {}
    with django_capture_on_commit_callbacks(execute=True):
        assert forget(NOON + 365 * DAY + A_SECOND) == {"turns of solved tickets": 1}
    turn, kept = solved.messages.get(), open_one.messages.get()
    assert (turn.body, turn.gone, turn.author, kept.body, kept.gone) == ("", "aged", "customer", "It leaks", "")
    file = turn.attachments.get()
    assert (file.name, file.state, file.refusal, file.file.name) == ("leak.png", "refused", "aged", "")
    assert not default_storage.exists(place)
    assert kept.attachments.get().file.read()
    quoted = {
        event.object_id: event.properties["text"] for event in Event.objects.filter(name="Ticket Message Received")
    }
    assert quoted == {solved.pk: "", open_one.pk: "It leaks"}


def test_how_long_is_for_the_shop_to_say() -> None:
    retention.keep_for(keep_texts_days=10)
    MessageFactory(state="sent")
    assert forget(NOON + 10 * DAY + A_SECOND) == {"texts of messages": 1}


def test_the_command_says_first_how_much_it_would_be(time_machine: Any) -> None:
    MessageFactory(state="sent")
    call(processed_at=NOON)
    time_machine.move_to(NOON + 366 * DAY, tick=False)

    def run(*words: str) -> str:
        out = StringIO()
        call_command("retention", *words, stdout=out)
        return out.getvalue()

    told = run("--dry-run")
    assert "           1  calls of providers, older than 30 days\n" in told
    assert "           1  texts of messages, older than 365 days\n" in told
    assert told.endswith("Nothing was changed.\n")
    assert Message.objects.get().body == "Hello"
    assert run() == told.removesuffix("Nothing was changed.\n")
    assert Message.objects.get().body == ""
    assert "           0  texts of messages" in run("--dry-run")


def test_settings_have_limits() -> None:
    settings = MessagingSettings.current()
    settings.keep_texts_days = 0
    with pytest.raises(Exception, match="greater than or equal to 1"):
        settings.full_clean()
