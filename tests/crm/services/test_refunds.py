"""Refunds without a number or an amount."""

import pytest

from crm.services.refunds import next_reference, refund_the_rest
from tests.factories.crm import PurchaseFactory, later

pytestmark = pytest.mark.django_db


def test_what_is_left_is_given_back_once() -> None:
    purchase = PurchaseFactory.create(reference="1001", total_minor=50_000)

    first = refund_the_rest(purchase, refunded_at=later(days=1), now=later(days=1))
    again = refund_the_rest(purchase, refunded_at=later(days=2), now=later(days=2))

    assert first is not None
    assert (first.amount_minor, first.reference) == (50_000, "1001:refund-1")
    assert again is None
    assert purchase.status == "refunded"
    assert next_reference(purchase) == "1001:refund-2"
