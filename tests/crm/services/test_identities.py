"""Who is this? One person, many ids."""

import pytest
from pytest_django import DjangoAssertNumQueries

from crm.models import Customer, CustomerMerge, Event, Identity
from crm.services import identities
from crm.services.identities import InvalidIdentity, clean, resolve, resolve_many
from tests.factories.crm import NOON, CustomerFactory, later

pytestmark = pytest.mark.django_db


def test_somebody_new_is_made_known_once() -> None:
    first = resolve(clean(email="Ann@Example.com ", phone="081 234 5678"), now=NOON, source="web")
    again = resolve(clean(phone="+66812345678"), now=NOON, source="web")

    assert (first.created, again.created) == (True, False)
    assert first.customer_id == again.customer_id
    customer = Customer.objects.get()
    assert (customer.email, str(customer.phone), customer.source) == ("ann@example.com", "+66812345678", "web")
    assert list(Event.objects.values_list("name", flat=True)) == ["Customer Created"]
    assert customer.history.count() == 1


def test_people_of_one_batch_who_share_an_id_are_one_person() -> None:
    found = resolve_many(
        [
            clean(external=[("web", "u1")], email="a@example.com"),
            clean(email="a@example.com"),
            clean(email="b@example.com"),
        ],
        now=NOON,
        source="web",
    )

    assert found[0].customer_id == found[1].customer_id != found[2].customer_id
    assert Customer.objects.count() == 2


def test_when_somebody_became_known_may_lie_in_the_past() -> None:
    resolve(clean(email="a@example.com"), now=later(days=9), source="web", known_at=NOON)

    assert Customer.objects.get().created_at == NOON
    assert Event.objects.get().occurred_at == NOON
    assert Event.objects.get().received_at == later(days=9)


def test_new_ids_are_added_to_whoever_was_found() -> None:
    customer = CustomerFactory.create(email="a@example.com", phone="")

    resolve(clean(email="a@example.com", phone="0812345678", external=[("web", "u1")]), now=NOON, source="web")

    customer.refresh_from_db()
    assert str(customer.phone) == "+66812345678"
    assert set(customer.identities.values_list("kind", "source", "value")) == {
        ("email", "", "a@example.com"), ("phone", "", "+66812345678"), ("external", "web", "u1"),
    }  # fmt: skip


def test_a_nameless_visitor_becomes_a_person_when_named() -> None:
    visitor = resolve(clean(anonymous=[("web", "cookie")]), now=NOON, source="web")
    assert Customer.objects.get().is_visitor
    assert not Event.objects.exists(), "a visitor is not known yet"

    named = resolve(clean(anonymous=[("web", "cookie")], email="a@example.com"), now=later(hours=1), source="web")

    assert named.customer_id == visitor.customer_id
    assert not Customer.objects.get().is_visitor
    assert list(Event.objects.values_list("name", flat=True)) == ["Customer Created"]


def test_a_visitor_who_turns_out_to_be_known_is_merged() -> None:
    customer = CustomerFactory.create(email="a@example.com")
    visitor = resolve(clean(anonymous=[("web", "cookie")]), now=NOON, source="web")

    found = resolve(clean(anonymous=[("web", "cookie")], email="a@example.com"), now=NOON, source="web")

    assert found.customer_id == customer.pk
    assert Customer.objects.get(pk=visitor.customer_id).merged_into == customer
    assert Identity.objects.get(kind="anonymous").customer == customer
    assert CustomerMerge.objects.get().reason == "the visitor turned out to be them"


def test_two_user_ids_of_one_storefront_are_never_merged_by_a_shared_address() -> None:
    first = resolve(clean(external=[("web", "u1")], email="family@example.com"), now=NOON, source="web")
    second = resolve(clean(external=[("web", "u2")], email="family@example.com"), now=NOON, source="web")

    assert second.customer_id != first.customer_id
    assert Identity.objects.get(kind="email").customer_id == first.customer_id


def test_a_second_storefronts_user_id_joins_the_same_person() -> None:
    first = resolve(clean(external=[("web", "u1")], email="a@example.com"), now=NOON, source="web")
    second = resolve(clean(external=[("app", "77")], email="a@example.com"), now=NOON, source="app")

    assert second.customer_id == first.customer_id


def test_the_strongest_id_decides() -> None:
    by_email = CustomerFactory.create(email="a@example.com")
    by_phone = CustomerFactory.create(email="", phone="+66899999999")

    found = resolve(clean(email="a@example.com", phone="+66899999999"), now=NOON, source="web")

    assert found.customer_id == by_email.pk
    by_phone.refresh_from_db()
    assert by_phone.merged_into is None, "two known people are not merged by machine"


def test_the_id_of_one_merged_away_leads_to_the_survivor() -> None:
    from crm.services.merges import merge_customers

    survivor, loser = CustomerFactory.create(), CustomerFactory.create(email="old@example.com")
    merge_customers(survivor=survivor, loser=loser, reason="same person", actor=None, now=NOON)

    assert resolve(clean(email="old@example.com"), now=NOON, source="web").customer_id == survivor.pk


def test_nobody_is_made_by_asking() -> None:
    customer = CustomerFactory.create(email="a@example.com")

    assert identities.find_many([clean(email="a@example.com"), clean(email="b@example.com")]) == [customer.pk, None]
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"email": "not-an-address"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"line_id": "x" * 65}, "line_id"),
        ({"external": [("web", "")]}, "external.web"),
        ({"external": [("", "u1")]}, "external"),
        ({}, "identities"),
    ],
)
def test_an_id_that_cannot_be_one_is_named(given: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidIdentity) as caught:
        clean(**given)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_batch_costs_the_same_queries_whatever_its_size(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    clean(email="warm@example.com", phone="0812345678")
    counts = []
    for size in (2, 30):
        people = [clean(email=f"p{size}-{n}@example.com", external=[("web", f"{size}-{n}")]) for n in range(size)]
        with django_assert_num_queries(60, exact=False) as counted:
            resolve_many(people, now=NOON, source="web")
        counts.append(len(counted))
        with django_assert_num_queries(6, exact=False):
            resolve_many(people, now=NOON, source="web")
    assert counts[0] == counts[1]


def test_an_address_typed_into_the_record_finds_the_person() -> None:
    customer = CustomerFactory.create(email="typed@example.com")

    assert resolve(clean(email="typed@example.com"), now=NOON, source="web").customer_id == customer.pk
