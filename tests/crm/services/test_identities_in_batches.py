"""What the items of one batch say about each other: the same as if they had come one by one."""

from datetime import UTC, datetime

import pytest

from crm.models import Customer, Identity
from crm.services.identities import clean, resolve, resolve_many

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)


def test_an_address_learnt_in_a_batch_finds_the_person_later_in_it() -> None:
    known = resolve(clean(external=[("web", "42")]), now=NOON, source="web").customer_id

    both = resolve_many(
        [clean(external=[("web", "42")], email="ploy@example.com"), clean(email="ploy@example.com")],
        now=NOON,
        source="web",
    )

    assert [person.customer_id for person in both] == [known, known]
    assert Customer.objects.count() == 1


def test_a_visitor_recognised_later_in_a_batch_was_that_person_all_along() -> None:
    known = resolve(clean(external=[("web", "42")]), now=NOON, source="web").customer_id
    resolve(clean(anonymous=[("web", "cookie")]), now=NOON, source="web")

    both = resolve_many(
        [clean(anonymous=[("web", "cookie")]), clean(external=[("web", "42")], anonymous=[("web", "cookie")])],
        now=NOON,
        source="web",
    )

    assert [person.customer_id for person in both] == [known, known]


def test_a_visitor_new_in_a_batch_and_recognised_in_it_leaves_no_row_behind() -> None:
    known = resolve(clean(external=[("web", "42")]), now=NOON, source="web").customer_id

    both = resolve_many(
        [clean(anonymous=[("web", "cookie")]), clean(external=[("web", "42")], anonymous=[("web", "cookie")])],
        now=NOON,
        source="web",
    )

    assert [person.customer_id for person in both] == [known, known]
    assert Customer.objects.count() == 1
    assert Identity.objects.get(kind=Identity.Kind.ANONYMOUS).customer_id == known


def test_two_new_user_ids_with_one_address_are_two_people_in_one_batch_too() -> None:
    first, second = resolve_many(
        [
            clean(external=[("web", "1")], email="family@example.com"),
            clean(external=[("web", "2")], email="family@example.com"),
        ],
        now=NOON,
        source="web",
    )

    assert first.customer_id != second.customer_id
