"""Files of replies on their way out: by crm's own service, through the log, to the provider."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from crm.lib.uploads import Upload
from crm.models import FailedReaction, Ticket, TicketAttachment, TicketMessage
from crm.services import tickets
from messaging.channels.base import FileOut, Outcome, Parcel, Repeat
from messaging.models import ChannelSettings, Message, MessagingSettings, SandboxText
from messaging.outbox import enclosing
from messaging.outbox.reconcile import reconcile
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
PNG = Upload("leak.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
PDF = Upload("ใบเสร็จ.pdf", b"%PDF-1.7 paid")


@pytest.fixture(autouse=True)
def public(settings: Any, db: None) -> None:
    """LINE on the sandbox, and an address that people can reach."""
    ChannelSettings.objects.create(channel="line", provider="sandbox")
    settings.SITE_URL = "https://crm.shop.example"


def reply(channel: str, *files: Upload, body: str = "Please see here", author: str = "staff") -> TicketMessage:
    ticket = TicketFactory(channel=channel, customer=CustomerFactory(line_id=f"U{channel}"))
    return tickets.add_message(ticket, author=author, body=body, files=files, staff=UserFactory(), now=NOON)


def refused(channel: str, files: Sequence[Upload], body: str = "Please see here") -> str:
    """Why a reply may not go; nothing of it is written then."""
    with pytest.raises(tickets.InvalidTicket) as caught:
        reply(channel, *files, body=body)
    assert caught.value.field == "files"
    assert (TicketMessage.objects.count(), TicketAttachment.objects.count(), Message.objects.count()) == (0, 0, 0)
    return caught.value.message


def test_a_letter_has_its_files_attached_under_their_names() -> None:
    ChannelSettings.objects.filter(channel="email").update(provider="smtp")
    turn = reply("email", PNG, PDF)
    assert Message.objects.get().cause == {
        "kind": "ticket", "ticket": turn.ticket_id, "number": turn.ticket.number, "turn": turn.pk, "files": 2,
    }  # fmt: skip
    send_due(now=NOON, limit=10)
    (letter,) = mail.outbox
    assert letter.body == "Please see here"
    assert [(name, kind) for name, _content, kind in letter.attachments] == [
        ("leak.png", "image/png"), ("ใบเสร็จ.pdf", "application/pdf"),
    ]  # fmt: skip
    assert letter.attachments[0][1] == PNG.content
    assert Message.objects.get().state == "sent"
    assert not FailedReaction.objects.exists()


def test_line_shows_pictures_and_has_the_address_of_other_files_in_the_text() -> None:
    turn = reply("line", PNG, PDF)
    send_due(now=NOON, limit=10)
    text = SandboxText.objects.get()
    picture, bill = text.files
    assert (picture["name"], picture["shown"], bill["shown"]) == ("leak.png", True, False)
    assert text.body == f"Please see here\nใบเสร็จ.pdf: https://crm.shop.example{bill['path']}"
    assert bill["path"].startswith("/f/")
    assert text.address == turn.ticket.customer.line_id


def test_a_fifth_picture_and_a_large_one_are_addresses() -> None:
    large = Upload("large.png", PNG.content + b"\0" * 1_000_000)
    reply("line", large, *[PNG] * 5)
    send_due(now=NOON, limit=10)
    assert [file["shown"] for file in SandboxText.objects.get().files] == [False, True, True, True, True, False]


def test_a_text_has_the_addresses_and_their_segments_count() -> None:
    reply("sms", PNG, PDF)
    send_due(now=NOON, limit=10)
    message, text = Message.objects.get(), SandboxText.objects.get()
    addresses = [f"https://crm.shop.example{file['path']}" for file in text.files]
    assert text.body == "\n".join(["Please see here", *addresses])
    assert message.body == text.body
    assert message.segments == 2


def test_short_links_take_the_place_of_the_addresses() -> None:
    MessagingSettings.objects.update(link_domain="https://go.shop.example", registered_domains=["go.shop.example"])
    reply("sms", PNG)
    send_due(now=NOON, limit=10)
    message = Message.objects.get()
    assert message.body.startswith("Please see here\nhttps://go.shop.example/")
    assert message.links.get().url.startswith("https://crm.shop.example/f/")
    assert message.segments == 1


def test_a_domain_that_is_not_registered_is_said_before_anything_is_written() -> None:
    MessagingSettings.objects.update(registered_domains=["go.shop.example"])
    assert "https://crm.shop.example/f/" in refused("sms", [PNG])
    assert "no registered domain" in refused("sms", [PNG])


def test_what_a_way_cannot_take_is_said_before_anything_is_written(settings: Any) -> None:
    ChannelSettings.objects.filter(channel="email").update(provider="smtp")
    nine = Upload("nine.pdf", b"%PDF-" + b"\0" * 9_500_000)
    assert refused("email", [nine, nine, PNG]) == (
        "As an email this has 24.8\xa0MB, and at most 23.8\xa0MB are taken. Please attach less."
    )
    assert "segments, and at most 10 are sent" in refused("sms", [PNG], body="ก" * 660)
    assert "one text of 5,000 characters" in refused("line", [PNG], body="x" * 5_001)
    assert refused("line", [Upload("run.exe", b"MZ")]) == "“run.exe”: a kind of file that is not kept."
    settings.SITE_URL = "http://127.0.0.1:8000"
    sms = ChannelSettings.objects.get(channel="sms")
    sms.provider, sms.config = "twilio", {"account_sid": f"AC{'0' * 32}", "auth_token": "token"}
    sms.save()
    assert "is not a public https address" in refused("sms", [PNG])
    ChannelSettings.objects.filter(channel="line").delete()
    assert "channel is not set up" in refused("line", [PNG])


def test_notes_and_replies_on_no_channel_of_ours_keep_their_files_and_send_nothing() -> None:
    assert reply("sms", PNG, author="note").attachments.count() == 1
    assert reply("counter", PNG).attachments.count() == 1
    assert not Message.objects.exists()


def _die(parcel: Parcel) -> Outcome:
    raise SystemExit


def test_a_try_after_a_crash_sends_the_very_same(fake: Any) -> None:
    reply("sms", PNG, PDF)
    fake.traits = replace(fake.traits, repeat=Repeat.KEY, largest=1)
    fake.answers = [_die]
    with pytest.raises(SystemExit):
        send_due(now=NOON, limit=10)
    reconcile(now=NOON + timedelta(minutes=2))
    send_due(now=NOON + timedelta(minutes=3), limit=10)
    first, again = fake.calls
    assert (first.files, first.body) == (again.files, again.body)
    assert len(first.files) == 2


def test_files_cost_one_query_a_batch_and_none_without(django_assert_num_queries: Any) -> None:
    reply("sms", PNG)
    with_files = list(Message.objects.all())
    with django_assert_num_queries(1):
        ((key, (file,)),) = enclosing.enclosed_in(with_files).items()
    assert (key, file.name, type(file)) == (with_files[0].pk, "leak.png", FileOut)
    plain = [MessageFactory(), MessageFactory(cause={"kind": "ticket", "ticket": 1})]
    with django_assert_num_queries(0):
        assert enclosing.enclosed_in(plain) == {}


def test_a_ticket_that_is_answered_twice_keeps_files_apart() -> None:
    ticket: Ticket = TicketFactory(channel="line", customer=CustomerFactory(line_id="U1"))
    for name in ("one.png", "two.png"):
        tickets.add_message(ticket, author="staff", body=name, files=[Upload(name, PNG.content)], now=NOON)
    for _ in range(2):  # one after the other, as they were written
        send_due(now=NOON, limit=10)
    found = {text.body: [file["name"] for file in text.files] for text in SandboxText.objects.all()}
    assert found == {"one.png": ["one.png"], "two.png": ["two.png"]}
