"""Tickets over the API."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Event, Ticket
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, PurchaseFactory, TicketFactory

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
