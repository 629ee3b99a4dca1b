"""The same statements on both databases."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from crm.lib import bulk
from crm.models import Customer, Event, Product
from tests.factories.crm import NOON, CustomerFactory, ProductFactory, later

pytestmark = pytest.mark.django_db


def event(customer: Customer, key: str, **properties: object) -> Event:
    return Event(
        customer_id=customer.pk, name="Order Completed", occurred_at=NOON, received_at=NOON + timedelta(microseconds=7),
        source="web", dedupe_key=key, properties=properties,
    )  # fmt: skip


def test_a_row_made_without_the_constructor_is_the_constructors_row() -> None:
    customer = CustomerFactory.create()
    columns = {"customer": customer, "name": "Order Completed", "occurred_at": NOON, "received_at": NOON, "source": "w"}

    made, usual = bulk.new_row(Event, **columns, dedupe_key="a"), Event(**columns, dedupe_key="a")

    everything = {field.attname for field in Event._meta.concrete_fields}
    assert {name: getattr(made, name) for name in everything} == {name: getattr(usual, name) for name in everything}
    assert made.customer is customer
    assert made._state.adding


def test_defaults_that_are_made_are_made_for_each_row() -> None:
    first, second = bulk.new_row(Customer, name="Ploy"), bulk.new_row(Customer, name="Som")

    assert first.public_id != second.public_id
    assert first.attributes is not second.attributes


def test_new_rows_come_back_in_order_with_their_keys() -> None:
    customer = CustomerFactory.create()
    rows = [event(customer, key) for key in ("c", "a", "b")]

    inserted = bulk.insert_new(Event, rows, unique=("source", "dedupe_key"))

    assert [row.dedupe_key for row in inserted] == ["c", "a", "b"]
    assert {row.pk: row.dedupe_key for row in inserted} == dict(
        Event.objects.filter(name="Order Completed").values_list("pk", "dedupe_key")
    )


def test_what_the_table_already_has_is_left_alone() -> None:
    customer = CustomerFactory.create()
    bulk.insert_new(Event, [event(customer, "a", n=1)], unique=("source", "dedupe_key"))

    again = bulk.insert_new(
        Event, [event(customer, "a", n=2), event(customer, "b"), event(customer, "b")], unique=("source", "dedupe_key")
    )

    assert [row.dedupe_key for row in again] == ["b"]
    assert Event.objects.get(dedupe_key="a").properties == {"n": 1}


def test_every_kind_of_value_survives_the_way_there_and_back() -> None:
    customer = CustomerFactory.create()
    properties = {"text": 'ชา ☕ "quoted" \\ back', "deep": {"list": [1, 2.5, None, True]}, "null": None}

    row = bulk.insert_new(Event, [event(customer, "a", **properties)], unique=("source", "dedupe_key"))[0]

    stored = Event.objects.get(pk=row.pk)
    assert stored.properties == properties
    assert stored.received_at == NOON + timedelta(microseconds=7)
    assert stored.object_id is None

    product = Product(sku="S", name="ชา", time_of_use=timedelta(days=3, seconds=5), price_minor=2**40)
    bulk.insert_new(Product, [product], unique=("sku",))
    stored_product = Product.objects.get()
    assert (stored_product.time_of_use, stored_product.repurchase_after) == (timedelta(days=3, seconds=5), None)
    assert stored_product.price_minor == 2**40


def test_public_ids_find_their_rows() -> None:
    people = [Customer(name=f"P{n}", created_at=NOON) for n in range(3)]

    bulk.insert_new(Customer, people, unique=("public_id",))

    assert [Customer.objects.get(public_id=person.public_id).pk for person in people] == [p.pk for p in people]


def test_many_rows_are_updated_each_to_its_own_values(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    one, two, three = ProductFactory.create_batch(3, name="old")

    with django_assert_num_queries(1):
        changed = bulk.update_rows(
            Product,
            [{"id": one.pk, "name": "first", "price_minor": 5}, {"id": two.pk, "name": "second", "price_minor": None}],
            fields=["name", "price_minor"],
        )

    assert changed == 2
    assert list(Product.objects.order_by("pk").values_list("name", "price_minor")) == [
        ("first", 5), ("second", None), ("old", None),
    ]  # fmt: skip
    assert three.pk


def test_a_column_that_only_grows_is_never_set_back() -> None:
    new, old, seen = CustomerFactory.create(), CustomerFactory.create(last_seen_at=NOON), later(hours=1)
    ahead = CustomerFactory.create(last_seen_at=later(hours=2))
    rows = [{"id": customer.pk, "last_seen_at": seen} for customer in (new, old, ahead)]

    assert bulk.update_rows(Customer, rows, fields=["last_seen_at"], forward="last_seen_at") == 2
    assert bulk.update_rows(Customer, rows, fields=["last_seen_at"], forward="last_seen_at") == 0

    assert list(Customer.objects.order_by("pk").values_list("last_seen_at", flat=True)) == [
        seen, seen, later(hours=2),
    ]  # fmt: skip


def test_a_fenced_update_changes_only_rows_that_still_match() -> None:
    one, two = ProductFactory.create_batch(2, brand="mine")
    Product.objects.filter(pk=two.pk).update(brand="theirs")

    changed = bulk.update_rows(
        Product,
        [{"id": row.pk, "brand": "mine", "name": "written"} for row in (one, two)],
        fields=["name"],
        match=("id", "brand"),
    )

    assert changed == 1
    assert list(Product.objects.filter(name="written")) == [one]


def test_nothing_to_write_asks_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert bulk.insert_new(Event, [], unique=("dedupe_key",)) == []
        assert bulk.update_rows(Product, [], fields=["name"]) == 0
