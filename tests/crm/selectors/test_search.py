import pytest

from crm.models import Purchase, Ticket, User
from crm.selectors.search import find_anything, purchases_matching, tickets_matching
from tests.factories.crm import CustomerFactory, PurchaseFactory, TicketFactory, UserFactory

pytestmark = pytest.mark.django_db


def orders(text: str) -> list[str]:
    rows = purchases_matching(Purchase.objects.all(), text)
    return sorted(rows.values_list("reference", flat=True))


def tickets(text: str) -> list[str]:
    return sorted(tickets_matching(Ticket.objects.all(), text).values_list("subject", flat=True))


@pytest.mark.parametrize("text", ["WEB-7", "web-7", "#WEB-7"])
def test_an_order_is_found_by_its_number_as_people_write_it(text: str) -> None:
    PurchaseFactory(reference="WEB-7")
    PurchaseFactory(reference="WEB-77")
    assert orders(text) == ["WEB-7"]
    assert [order.reference for order in find_anything(text, UserFactory(role=User.Role.VIEWER)).purchases] == ["WEB-7"]


def test_orders_are_found_by_whose_they_are() -> None:
    ploy = CustomerFactory(name="Ploy Jaidee", phone="+66812345678")
    PurchaseFactory(customer=ploy, reference="WEB-1")
    PurchaseFactory(customer=ploy, reference="WEB-2")
    PurchaseFactory(reference="WEB-3")
    assert orders("ploy") == orders("081 234 5678") == ["WEB-1", "WEB-2"]
    assert orders("nobody") == []


def test_a_number_that_is_also_part_of_a_phone_number_finds_the_order_alone() -> None:
    PurchaseFactory(reference="2345", customer=CustomerFactory(phone="+66811111111"))
    PurchaseFactory(reference="9", customer=CustomerFactory(phone="+66812345678"))
    assert orders("2345") == ["2345"]


def test_tickets_are_found_by_number_subject_and_customer() -> None:
    ploy = CustomerFactory(name="Ploy Jaidee")
    asked = TicketFactory(customer=ploy, subject="Which size?")
    TicketFactory(subject="Broken lid")
    assert tickets(asked.number) == tickets(asked.number.removeprefix("T-").lower()) == ["Which size?"]
    assert tickets("SIZE") == tickets("jaidee") == ["Which size?"]
    assert tickets("lid") == ["Broken lid"]
