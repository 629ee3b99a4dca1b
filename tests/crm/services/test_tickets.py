import pytest

from crm.models import Event, Ticket
from crm.services import tickets
from crm.services.tickets import InvalidTicket
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory, TicketFactory, UserFactory, later

pytestmark = pytest.mark.django_db


def names() -> list[str]:
    found = Event.objects.exclude(name__in=["Customer Created", "Order Completed"])
    return list(found.order_by("pk").values_list("name", flat=True))


def test_an_enquiry_is_opened_with_the_customers_words() -> None:
    ticket = tickets.open_ticket(
        customer=CustomerFactory.create(), subject=" Which  size? ", body="I am 180 cm", now=NOON
    )

    assert (ticket.subject, ticket.status, ticket.number[:2]) == ("Which size?", "new", "T-")
    assert ticket.messages.get().body == "I am 180 cm"
    assert names() == ["Enquiry Opened", "Ticket Message Received"]


def test_our_reply_leaves_the_ticket_waiting_and_their_answer_opens_it_again() -> None:
    ticket = TicketFactory.create()
    tickets.add_message(ticket, author="staff", body="M fits.", staff=UserFactory.create(), now=later(hours=1))
    assert (ticket.status, ticket.first_replied_at) == ("pending", later(hours=1))

    tickets.add_message(ticket, author="customer", body="Thanks, and L?", now=later(hours=2))
    assert (ticket.status, ticket.last_message_at) == ("open", later(hours=2))
    assert names()[1:] == ["Ticket Replied", "Ticket Message Received"]


def test_an_internal_note_changes_nothing_and_is_no_fact() -> None:
    ticket = TicketFactory.create()
    before = names()

    tickets.add_message(ticket, author="note", body="She is a regular.", staff=UserFactory.create(), now=later(hours=1))

    assert (ticket.status, ticket.last_message_at, names()) == ("new", NOON, before)


def test_a_resolved_ticket_reopens_when_the_customer_writes() -> None:
    ticket = TicketFactory.create()
    tickets.set_status(ticket, "resolved", now=later(days=1))
    tickets.add_message(ticket, author="customer", body="Still broken", now=later(days=2))

    assert (ticket.status, ticket.resolved_at) == ("open", None)
    assert names()[1:] == ["Ticket Resolved", "Ticket Message Received", "Ticket Reopened"]


def test_resolving_twice_is_two_facts_and_saying_it_twice_is_one() -> None:
    ticket = TicketFactory.create()
    for at, status in [(1, "resolved"), (2, "resolved"), (3, "open"), (4, "resolved")]:
        tickets.set_status(ticket, status, now=later(hours=at))

    assert names().count("Ticket Resolved") == 2
    assert names().count("Ticket Reopened") == 1


def test_what_a_customer_writes_continues_their_ticket_else_opens_one() -> None:
    customer = CustomerFactory.create()
    first = tickets.receive_message(customer=customer, channel="sms", body="Hello?", source="inbound", now=NOON)
    second = tickets.receive_message(
        customer=customer, channel="sms", body="Anyone?", source="inbound", now=later(hours=1)
    )
    assert first.ticket == second.ticket
    assert first.ticket.kind == Ticket.Kind.ENQUIRY

    tickets.set_status(first.ticket, "resolved", now=later(hours=2))
    soon = tickets.receive_message(customer=customer, channel="sms", body="Thanks", source="inbound", now=later(days=6))
    assert soon.ticket == first.ticket

    tickets.set_status(soon.ticket, "resolved", now=later(days=7))
    much_later = tickets.receive_message(
        customer=customer, channel="sms", body="New", source="inbound", now=later(days=30)
    )
    assert much_later.ticket != first.ticket


def test_somebody_who_has_bought_asks_for_after_sales_help() -> None:
    purchase = PurchaseFactory.create()

    message = tickets.receive_message(
        customer=purchase.customer, channel="sms", body="x" * 200, source="inbound", now=later(days=1)
    )

    assert (message.ticket.kind, message.ticket.purchase) == ("after_sales", purchase)
    assert len(message.ticket.subject) == 80


@pytest.mark.parametrize(
    ("change", "field"), [({"subject": "  "}, "subject"), ({"kind": "x"}, "kind"), ({"priority": "x"}, "priority")]
)
def test_a_ticket_that_makes_no_sense_is_refused_by_field(change: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidTicket) as caught:
        tickets.open_ticket(**{"customer": CustomerFactory.create(), "subject": "S", "now": NOON, **change})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(InvalidTicket, match="empty"):
        tickets.add_message(TicketFactory.create(), author="staff", body=" ", now=NOON)
