from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm import extensions
from crm.events import log, types
from crm.events.types import EventDraft
from crm.models import Customer
from crm.selectors.timeline import CATEGORIES, Timeline, timeline
from crm.services import reviews
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory, ReviewFactory, later

BANGKOK = ZoneInfo("Asia/Bangkok")


def shown(customer: Customer, **options: Any) -> Timeline:
    return timeline(customer, now=later(days=30), zone=BANGKOK, **options)


def titles(found: Timeline) -> list[str]:
    return [str(entry.title) for day in found.days for entry in day.entries if entry.category != "stage"]


def tell(customer: Customer, name: str, **draft: Any) -> None:
    at = draft.pop("at", NOON)
    log.record(
        EventDraft(name=name, customer_id=customer.pk, occurred_at=at, dedupe_key=f"{name}:{at}", **draft), now=later()
    )


@pytest.mark.django_db
class TestTimeline:
    def test_days_are_those_of_the_shops_clock(self) -> None:
        customer = CustomerFactory(created_at=NOON)
        tell(customer, "Page Viewed", at=NOON.replace(hour=16))
        tell(customer, "Cart Viewed", at=NOON.replace(hour=18))  # past midnight in Bangkok
        assert [day.date.isoformat() for day in shown(customer, category="visit").days] == ["2026-03-03", "2026-03-02"]

    def test_a_mark_stands_on_the_row_it_speaks_of(self) -> None:
        customer = CustomerFactory()
        review = ReviewFactory(customer=customer, rating=4)
        reviews.publish_review(review, now=later(hours=5))
        entry = next(e for day in shown(customer, category="review").days for e in day.entries)
        assert (str(entry.title), entry.text) == ("Wrote a review", "★★★★☆ · Pours well.")
        assert [(str(mark.text), mark.at) for mark in entry.marks] == [("published", later(hours=5))]
        assert entry.url == f"/reviews/?review={review.public_id}"

    def test_a_mark_whose_row_is_on_another_page_is_a_row(self) -> None:
        customer = CustomerFactory()
        review = ReviewFactory(customer=customer)
        reviews.publish_review(review, now=later(hours=5))
        first = shown(customer, category="review", size=1)
        assert titles(first) == ["Review published"]
        assert titles(shown(customer, category="review", size=1, cursor=first.next)) == ["Wrote a review"]

    def test_a_shops_own_events_are_found_under_other(self) -> None:
        customer = CustomerFactory()
        tell(customer, "Kettle Boiled")
        tell(customer, "Page Viewed", at=later(hours=1))
        assert titles(shown(customer, category="other")) == ["Kettle Boiled", "Became known"]

    def test_what_we_learnt_late_says_so(self) -> None:
        customer = CustomerFactory()
        draft = EventDraft("Page Viewed", customer.pk, NOON, "old")
        log.record(draft, now=NOON + timedelta(days=3))
        entry = next(e for day in shown(customer, category="visit").days for e in day.entries)
        assert entry.learnt_at == NOON + timedelta(days=3)

    def test_the_records_behind_a_page_are_found_in_one_query(self, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
        customer = CustomerFactory()
        orders = [PurchaseFactory(customer=customer) for _ in range(3)]
        with django_assert_num_queries(2):
            found = shown(customer, category="order").days
        assert {e.url for day in found for e in day.entries} == {order.get_absolute_url() for order in orders}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "order_id total currency products rating text name price value score channel cause state topic ticket subject "
    "author source journey from to rule reason query"
)
KEYS = st.sampled_from(NAMES.split())


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([t.name for t in types.known()]), properties=st.dictionaries(KEYS, JSON, max_size=6))
@pytest.mark.django_db
def test_no_storefront_can_send_properties_that_break_a_timeline(name: str, properties: dict[str, Any]) -> None:
    assert isinstance(str(extensions.describe(name, properties).text), str)


def test_every_category_of_events_has_a_chip() -> None:
    assert {event_type.category for event_type in types.known()} <= CATEGORIES.keys()
