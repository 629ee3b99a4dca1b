from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from crm.lib.uploads import Upload
from crm.models import Event, Shop, Ticket, TicketAttachment, TicketMessage, User
from crm.services.attachments import keep_files
from messaging.models import ChannelSettings
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, TicketFactory, TicketMessageFactory, UserFactory

pytestmark = pytest.mark.django_db


def subjects(client: Client, query: str = "") -> list[str]:
    return [row.subject for row in client.get(f"/inbox/{query}").context["page"].rows]


def test_the_inbox_begins_with_who_has_waited_longest(sign_in: SignIn) -> None:
    client = sign_in(User.Role.SUPPORT, username="nok")
    now = timezone.now()
    TicketFactory(subject="Newer", last_message_at=now - timedelta(hours=1))
    TicketFactory(
        subject="Older", last_message_at=now - timedelta(hours=9), assignee=User.objects.get(username="nok"),
        priority=Ticket.Priority.HIGH,
    )  # fmt: skip
    TicketFactory(subject="Ours to wait", status=Ticket.Status.PENDING)
    TicketFactory(subject="Solved", status=Ticket.Status.RESOLVED)
    assert subjects(client) == ["Older", "Newer"]
    assert subjects(client, "?queue=mine") == ["Older"]
    assert subjects(client, "?queue=pending") == ["Ours to wait"]
    assert subjects(client, "?queue=solved") == ["Solved"]
    assert len(subjects(client, "?queue=all")) == 4
    assert subjects(client, "?priority=high") == ["Older"]
    assert subjects(client, "?q=new") == ["Newer"]
    assert client.get("/inbox/?queue=lost").status_code == 400


def test_a_reply_leaves_the_ticket_waiting_for_the_customer(
    sign_in: SignIn, htmx: Callable[[str], dict[str, str]]
) -> None:
    ticket, client = TicketFactory(), sign_in(User.Role.SUPPORT, first_name="Nok")
    page = client.post(
        f"{ticket.get_absolute_url()}reply/", {"staff-body": "Size 39."}, headers=htmx("record"), follow=True
    ).content.decode()
    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.PENDING
    assert 'class="turn turn-staff"' in page
    assert "Size 39." in page
    assert Event.objects.filter(name="Ticket Replied").count() == 1


def test_a_note_is_never_shown_as_said_to_the_customer(sign_in: SignIn) -> None:
    ticket, client = TicketFactory(), sign_in(User.Role.SUPPORT, first_name="Nok")
    client.post(f"{ticket.get_absolute_url()}note/", {"note-body": "Difficult client."})
    page = client.get(ticket.get_absolute_url()).content.decode()
    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.NEW
    assert 'class="turn turn-note"' in page
    assert "Internal note by" in page
    assert not Event.objects.filter(properties__text="Difficult client.").exists()


def test_an_empty_reply_is_refused_and_the_right_pane_stays_open(sign_in: SignIn) -> None:
    ticket, client = TicketFactory(), sign_in(User.Role.SUPPORT)
    assert client.post(f"{ticket.get_absolute_url()}reply/", {"staff-body": ""}).status_code == 422
    note = client.post(f"{ticket.get_absolute_url()}note/", {"note-body": ""})
    assert (note.status_code, note.context["note_first"]) == (422, True)
    assert not TicketMessage.objects.exists()


def test_status_priority_and_assignee_change_one_at_a_time(sign_in: SignIn) -> None:
    ticket, client = TicketFactory(), sign_in(User.Role.SUPPORT)
    url = f"{ticket.get_absolute_url()}set/"
    colleague = UserFactory(username="ton")
    client.post(url, {"priority": "urgent"})
    client.post(url, {"assignee": "ton"})
    client.post(url, {"status": "resolved"})
    ticket.refresh_from_db()
    assert (ticket.priority, ticket.assignee, ticket.status) == ("urgent", colleague, "resolved")
    client.post(url, {"assignee": ""})
    ticket.refresh_from_db()
    assert ticket.assignee is None
    for nonsense in ({"status": "gone"}, {"priority": "extreme"}, {"assignee": "nobody-here"}):
        assert client.post(url, nonsense).status_code == 400


def test_a_ticket_is_opened_for_who_calls(sign_in: SignIn) -> None:
    customer, client = CustomerFactory(), sign_in(User.Role.SUPPORT, username="nok")
    url = f"{customer.get_absolute_url()}tickets/new/"
    assert client.post(url, {"kind": "enquiry", "subject": " ", "priority": "normal"}).status_code == 422
    client.post(
        url,
        {
            "kind": "after_sales",
            "subject": "Handle loose",
            "body": "It wobbles.",
            "priority": "high",
            "is_complaint": "on",
        },
    )
    ticket = Ticket.objects.get()
    assert (ticket.kind, ticket.is_complaint, ticket.assignee.username) == ("after_sales", True, "nok")
    assert ticket.messages.get().author == TicketMessage.Author.CUSTOMER


def test_sales_read_the_conversation_and_say_nothing(sign_in: SignIn) -> None:
    ticket, client = TicketFactory(), sign_in(User.Role.SALES)
    page = client.get(ticket.get_absolute_url()).content.decode()
    assert "compose-reply" not in page
    assert client.post(f"{ticket.get_absolute_url()}reply/", {"staff-body": "Hi"}).status_code == 403


class TestFiles:
    PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20

    def test_a_file_is_handed_out_to_be_saved_and_never_to_be_shown(self, sign_in: SignIn) -> None:
        turn = TicketMessageFactory()
        kept, refused = keep_files(turn, [Upload("กาน้ำ.png", self.PNG), Upload("run.exe", b"MZ")])
        client = sign_in(User.Role.SUPPORT)
        page = client.get(turn.ticket.get_absolute_url()).content.decode()
        assert kept.get_absolute_url() in page
        assert "“run.exe” (2\xa0bytes) was not kept: a kind of file that is not kept" in page
        answer = client.get(kept.get_absolute_url())
        assert b"".join(answer.streaming_content) == self.PNG  # type: ignore[attr-defined]
        assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''")
        assert answer["Content-Type"] == "image/png"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer["Cache-Control"] == "private, no-store"
        assert client.get(refused.get_absolute_url()).status_code == 404

    def test_only_to_who_may_see_the_ticket(self, sign_in: SignIn) -> None:
        Shop.objects.update_or_create(pk=1, defaults={"sales_see": Shop.SalesSee.OWN})
        owner = UserFactory(role=User.Role.SALES)
        turn = TicketMessageFactory(ticket=TicketFactory(customer=CustomerFactory(owner=owner)))
        (kept,) = keep_files(turn, [Upload("kettle.png", self.PNG)])
        assert sign_in(User.Role.SALES).get(kept.get_absolute_url()).status_code == 404
        assert Client().get(kept.get_absolute_url()).status_code == 302

    def test_one_that_is_gone_from_the_disk_is_not_found(self, sign_in: SignIn) -> None:
        (kept,) = keep_files(TicketMessageFactory(), [Upload("kettle.png", self.PNG)])
        kept.file.storage.delete(kept.file.name)
        assert sign_in(User.Role.SUPPORT).get(kept.get_absolute_url()).status_code == 404


def test_what_a_stranger_writes_is_shown_as_text(sign_in: SignIn) -> None:
    hostile = '<img src=x onerror=alert(1)><svg onload=alert(1)> javascript:alert(1) "><script>'
    turn = TicketMessageFactory(body=hostile, quoted=hostile, sender='"<script>"@evil.example')
    keep_files(turn, [Upload("<img src=x onerror=alert(1)>.exe", b"MZ")])
    page = sign_in(User.Role.SUPPORT).get(turn.ticket.get_absolute_url()).content.decode()
    assert page.count("&lt;img src=x onerror=alert(1)&gt;&lt;svg") == 2
    assert "<img src=x" not in page
    assert "<svg onload" not in page
    assert '<script>"@evil' not in page


def test_quoted_text_is_folded_away(sign_in: SignIn) -> None:
    turn = TicketMessageFactory(body="Yes.", quoted="> Is it red?")
    page = sign_in(User.Role.SUPPORT).get(turn.ticket.get_absolute_url()).content.decode()
    assert "<summary>Show quoted text</summary>" in page
    assert "&gt; Is it red?" in page


def test_somebody_else_who_wrote_is_named_as_far_as_the_reader_may_see(sign_in: SignIn) -> None:
    turn = TicketMessageFactory(sender="husband@example.com", ticket__customer__name="Ploy")
    seen = sign_in(User.Role.SUPPORT).get(turn.ticket.get_absolute_url()).content.decode()
    assert "husband@example.com" in seen
    assert "Not the address of Ploy" in seen
    masked = sign_in(User.Role.VIEWER).get(turn.ticket.get_absolute_url()).content.decode()
    assert "husband@example.com" not in masked


def png(name: str = "kettle.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"\x89PNG\r\n\x1a\n" + b"\0" * 20)


def test_a_reply_and_a_note_bring_files(sign_in: SignIn) -> None:
    ticket, client = TicketFactory(channel="counter"), sign_in(User.Role.SUPPORT)
    for pane, author in (("reply", "staff"), ("note", "note")):
        said = {f"{author}-body": "See here", f"{author}-attached": [png(), png("two.png")]}
        page = client.post(f"{ticket.get_absolute_url()}{pane}/", said, follow=True).content.decode()
        assert page.count("two.png") == (1 if pane == "reply" else 2)
    assert [turn.attachments.count() for turn in ticket.messages.all()] == [2, 2]


def test_a_bad_file_is_named_the_words_stay_and_nothing_is_written(
    sign_in: SignIn, htmx: Callable[[str], dict[str, str]]
) -> None:
    ticket, client = TicketFactory(channel="counter"), sign_in(User.Role.SUPPORT)
    said = {"staff-body": "A long answer", "staff-attached": [png(), SimpleUploadedFile("run.exe", b"MZ")]}
    answer = client.post(f"{ticket.get_absolute_url()}reply/", said, headers=htmx("record"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "“run.exe”: a kind of file that is not kept." in page
    assert "Please choose the files again" in page
    assert "A long answer</textarea>" in page
    assert (TicketMessage.objects.count(), TicketAttachment.objects.count()) == (0, 0)


def test_a_way_that_takes_no_files_says_so_before_anything_is_sent(sign_in: SignIn) -> None:
    ticket, client = TicketFactory(channel="sms"), sign_in(User.Role.SUPPORT)
    sms = ChannelSettings.objects.get(channel="sms")
    sms.provider, sms.config = "twilio", {"account_sid": f"AC{'0' * 32}", "auth_token": "token"}
    sms.save()
    page = client.get(ticket.get_absolute_url()).content.decode()
    assert "Files cannot be sent by SMS: they go as links to this shop&#x27;s address" in page
    assert 'name="staff-attached"' not in page
    assert 'name="note-attached"' in page  # a note goes nowhere
    said = {"staff-body": "See here", "staff-attached": [png()]}
    assert client.post(f"{ticket.get_absolute_url()}reply/", said).status_code == 422
    assert not TicketMessage.objects.exists()
