import pytest

from crm.lib.among import Among
from crm.models import Customer, Purchase
from tests.factories.crm import CustomerFactory, PurchaseFactory

pytestmark = pytest.mark.django_db


def test_it_finds_the_rows_that_in_finds() -> None:
    people = CustomerFactory.create_batch(5)
    wanted = [people[3].pk, people[1].pk, people[1].pk, -1]
    assert set(Customer.objects.filter(Among("pk", wanted))) == {people[1], people[3]}
    assert set(Customer.objects.exclude(Among("pk", wanted))) == {people[0], people[2], people[4]}


def test_it_works_on_a_foreign_key_and_beside_other_conditions() -> None:
    orders = PurchaseFactory.create_batch(3)
    found = Purchase.objects.filter(Among("customer", [order.customer_id for order in orders]), pk__gt=orders[0].pk)
    assert set(found) == {orders[1], orders[2]}


def test_nobody_is_among_none() -> None:
    CustomerFactory.create()
    assert not Customer.objects.filter(Among("pk", [])).exists()


def test_texts_are_found_as_well_whatever_they_are_written_with() -> None:
    odd = CustomerFactory(name='O\'Hara, "Ann" {1}')
    CustomerFactory(name="Somebody else")
    assert list(Customer.objects.filter(Among("name", [odd.name, "nobody", odd.name]))) == [odd]
