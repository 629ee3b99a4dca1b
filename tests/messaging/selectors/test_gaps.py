"""What a template asks of customers that they do not have."""

from typing import Any

import pytest

from crm.models import Shop
from messaging.rendering.freezing import Pieces
from messaging.rendering.preview import Draft
from messaging.selectors.gaps import Gap, gaps_in
from tests.factories.crm import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db


def gaps(*texts: str) -> list[Gap]:
    drafts = dict(zip(("en", "th"), map(Draft, texts), strict=False))
    return gaps_in(drafts, user=UserFactory(role="admin"), shop=Shop.current(), pieces=Pieces({}, "en"))


@pytest.fixture(autouse=True)
def people() -> None:
    for size in ("M", "L", ""):
        CustomerFactory(name="Ploy", attributes={"size": size} if size else {})
    CustomerFactory(name="", email="nobody@example.com", attributes={"size": None})


def test_it_counts_whom_a_text_would_fail_or_leave_a_hole() -> None:
    assert gaps("{{ customer.first_name }} {{ customer.attributes.size }}") == [
        Gap("customer.attributes.size", 2, 4), Gap("customer.first_name", 1, 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "{{ customer.attributes.size | default: 'M' }}",
        "{% if customer.attributes.size %}{{ customer.attributes.size }}{% endif %}",
        "{{ shop.name }} {{ links.unsubscribe }} {{ event.order_id }} {{ coupon.code }}",
        "no variable",
    ],
)
def test_what_may_be_missing_is_no_gap_nor_what_a_flow_brings(text: str) -> None:
    assert gaps(text) == []


def test_a_customer_counts_once_whatever_the_languages() -> None:
    assert gaps("{{ customer.attributes.size }}", "{{ customer.attributes.size }}") == [
        Gap("customer.attributes.size", 2, 4)
    ]  # fmt: skip


def test_it_costs_two_queries(django_assert_max_num_queries: Any) -> None:
    user, shop = UserFactory(role="admin"), Shop.current()
    drafts = {"en": Draft("{{ customer.phone }} {{ customer.attributes.size }}")}
    with django_assert_max_num_queries(2):
        gaps_in(drafts, user=user, shop=shop, pieces=Pieces({}, "en"))
