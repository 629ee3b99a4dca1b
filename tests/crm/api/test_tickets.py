"""Tickets over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import encode_multipart

from crm.lib.uploads import Upload
from crm.models import Event, Shop, Ticket, TicketAttachment
from crm.services import attachments
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, PurchaseFactory, TicketFactory, TicketMessageFactory, UserFactory

pytestmark = pytest.mark.django_db
ASKED: dict[str, Any] = {
    "customer": {"line_id": "U4af"},
    "subject": "Which size?",
    "body": "M or L?",
    "channel": "line",
}


def facts() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("name", flat=True))


def test_a_ticket_is_opened_with_the_customers_first_words(api: Program) -> None:
    response = api.post("tickets/", ASKED)

    assert response.status_code == 201
    body = response.json()
    assert (body["subject"], body["kind"], body["status"], body["source"]) == ("Which size?", "enquiry", "new", "web")
    assert [(turn["author"], turn["body"]) for turn in body["messages"]] == [("customer", "M or L?")]
    assert facts() == ["Customer Created", "Enquiry Opened", "Ticket Message Received"]


def test_a_ticket_about_an_order_names_it(api: Program) -> None:
    purchase = PurchaseFactory.create(source="web", reference="1001")
    about = {
        "customer": str(purchase.customer.public_id),
        "subject": "Lid rattles",
        "kind": "after_sales",
        "complaint": True,
        "purchase": {"source": "web", "reference": "1001"},
    }

    body = api.post("tickets/", about).json()

    assert (body["purchase"], body["complaint"], body["kind"]) == ("1001", True, "after_sales")
    stranger = CustomerFactory.create()
    refused = api.post("tickets/", {**about, "customer": str(stranger.public_id)})
    assert faults(refused) == [("/purchase", "unknown_purchase")]


def test_the_conversation_goes_on_and_a_note_is_no_fact(api: Program) -> None:
    ticket = api.post("tickets/", ASKED).json()["id"]

    for author, body in (("note", "regular customer"), ("staff", "M fits."), ("customer", "Thanks")):
        assert api.post(f"tickets/{ticket}/messages/", {"author": author, "body": body}).status_code == 201

    shown = api.get(f"tickets/{ticket}/").json()
    assert [turn["author"] for turn in shown["messages"]] == ["customer", "note", "staff", "customer"]
    assert shown["status"] == "open"
    assert shown["first_replied_at"] is not None
    assert facts()[3:] == ["Ticket Replied", "Ticket Message Received"]


def test_a_ticket_is_resolved_and_reopened(api: Program) -> None:
    ticket = api.post("tickets/", ASKED).json()["id"]

    assert api.post(f"tickets/{ticket}/status/", {"status": "resolved"}).json()["resolved_at"]
    assert api.post(f"tickets/{ticket}/status/", {"status": "open"}).json()["resolved_at"] is None
    assert facts()[3:] == ["Ticket Resolved", "Ticket Reopened"]


@pytest.mark.parametrize(
    ("path", "body", "place", "code"),
    [
        ("", {"subject": " "}, "/subject", "blank"),
        ("", {"kind": "riddle"}, "/kind", "invalid_choice"),
        ("", {"owner": 1}, "/owner", "unknown_field"),
        ("{id}/messages/", {"author": "robot", "body": "x"}, "/author", "invalid_choice"),
        ("{id}/messages/", {"author": "staff", "body": ""}, "/body", "blank"),
        ("{id}/status/", {"status": "lost"}, "/status", "invalid_choice"),
    ],
)
def test_what_cannot_be_is_named(api: Program, path: str, body: dict[str, Any], place: str, code: str) -> None:
    ticket = TicketFactory.create()

    response = api.post(f"tickets/{path.format(id=ticket.public_id)}", body if path else {**ASKED, **body})

    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert Ticket.objects.count() == 1


def test_the_list_narrows(api: Program) -> None:
    ticket = TicketFactory.create(subject="Which size fits?")
    TicketFactory.create(subject="Broken", kind="after_sales", status="closed")

    for query in (f"customer={ticket.customer.public_id}", "kind=enquiry", "status=new", "search=size"):
        assert [row["id"] for row in api.get(f"tickets/?{query}").json()["results"]] == [str(ticket.public_id)]
    assert faults(api.get("tickets/?status=lost")) == [("status", "invalid_choice")]


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_files_are_listed_with_what_became_of_them(api: Program) -> None:
    turn = TicketMessageFactory.create()
    attachments.keep_files(turn, [Upload("leak.png", PNG), Upload("run.exe", b"MZ")])
    attachments.await_files(turn, ["image"])

    (shown,) = api.get(f"tickets/{turn.ticket.public_id}/").json()["messages"]

    kept, refused, awaited = shown["attachments"]
    assert kept == {
        "id": kept["id"], "name": "leak.png", "content_type": "image/png", "size": 28, "state": "kept", "refusal": "",
        "url": f"/api/v1/tickets/{turn.ticket.public_id}/attachments/{kept['id']}/",
    }  # fmt: skip
    assert (refused["state"], refused["refusal"], refused["url"]) == ("refused", "kind", None)
    assert (awaited["state"], awaited["name"], awaited["url"]) == ("awaited", "image", None)


def test_a_file_is_handed_out_to_be_saved_and_nothing_else(api: Program, client: Client) -> None:
    turn = TicketMessageFactory.create()
    kept, refused = attachments.keep_files(turn, [Upload("รั่ว.png", PNG), Upload("run.exe", b"MZ")])
    here = f"tickets/{turn.ticket.public_id}/attachments/"

    answer = api.get(f"{here}{kept.public_id}/")

    assert b"".join(answer.streaming_content) == PNG
    assert (answer.status_code, answer["Content-Type"], answer["X-Content-Type-Options"]) == (
        200,
        "image/png",
        "nosniff",
    )
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "no-store" in answer["Cache-Control"]
    another = TicketFactory.create()
    for address in (f"{here}{refused.public_id}/", f"tickets/{another.public_id}/attachments/{kept.public_id}/"):
        assert (api.get(address).status_code, api.get(address).json()["code"]) == (404, "not_found")
    assert Program("events:write").get(f"{here}{kept.public_id}/").status_code == 403
    assert client.get(f"/api/v1/{here}{kept.public_id}/").status_code == 401


def test_files_cost_no_query_each(api: Program, django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        attachments.keep_files(TicketMessageFactory.create(), [Upload("leak.png", PNG)])
    with django_assert_max_num_queries(8):
        assert len(api.get("tickets/").json()["results"]) == 5


def test_staff_get_the_files_of_tickets_that_they_may_see() -> None:
    shop = Shop.current()
    shop.sales_see = Shop.SalesSee.OWN
    shop.save()
    theirs = CustomerFactory.create(owner=UserFactory.create(role="sales"))
    (kept,) = attachments.keep_files(TicketMessageFactory.create(ticket__customer=theirs), [Upload("leak.png", PNG)])
    path = kept.get_api_url()
    for role, status in (("manager", 200), ("sales", 404)):
        browser = Client()
        browser.force_login(UserFactory.create(role=role))
        answer = browser.get(path)
        assert answer.status_code == status
        assert not answer.streaming or b"".join(answer.streaming_content) == PNG


def form(*files: tuple[str, bytes], **texts: str) -> tuple[bytes, str]:
    """A multipart body, and its type."""
    given = {**texts, "files": [SimpleUploadedFile(name, content) for name, content in files]}
    return encode_multipart("edge", given), "multipart/form-data; boundary=edge"


def test_a_turn_brings_files_as_a_form(api: Program) -> None:
    ticket = TicketFactory.create(channel="counter")
    body, kind = form(("leak.png", PNG), ("list.txt", b"one"), author="staff", body="Please see here")

    answer = api.post(f"tickets/{ticket.public_id}/messages/", body, Content_Type=kind)

    assert answer.status_code == 201, answer.json()
    (turn,) = answer.json()["messages"]
    assert (turn["author"], turn["body"]) == ("staff", "Please see here")
    assert [(row["name"], row["state"]) for row in turn["attachments"]] == [("leak.png", "kept"), ("list.txt", "kept")]


def test_the_same_form_with_the_same_key_is_one_turn(api: Program) -> None:
    ticket = TicketFactory.create(channel="counter")
    body, kind = form(("leak.png", PNG), author="note", body="For us")
    for _ in range(2):
        api.post(f"tickets/{ticket.public_id}/messages/", body, Content_Type=kind, Idempotency_Key="a")
    assert (ticket.messages.count(), TicketAttachment.objects.count()) == (1, 1)


def test_a_file_that_is_not_kept_is_named_and_nothing_is_written(api: Program) -> None:
    ticket = TicketFactory.create(channel="counter")
    body, kind = form(("leak.png", PNG), ("run.exe", b"MZ"), author="staff", body="See here")
    answer = api.post(f"tickets/{ticket.public_id}/messages/", body, Content_Type=kind)
    assert answer.status_code == 400
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/files", "invalid")
    assert "run.exe" in fault["message"]
    assert (ticket.messages.count(), TicketAttachment.objects.count()) == (0, 0)


def test_a_form_without_sense_and_one_too_large_are_refused(api: Program) -> None:
    path = f"tickets/{TicketFactory.create().public_id}/messages/"
    kind = "multipart/form-data; boundary=edge"
    assert api.post(path, b"no form", Content_Type="multipart/form-data").json()["code"] == "invalid_form"
    assert api.post(path, b"x" * (27 * 1024 * 1024), Content_Type=kind).json()["code"] == "too_large"
    assert api.post("tickets/", b"--edge--", Content_Type=kind).status_code == 415
