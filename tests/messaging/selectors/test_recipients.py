from typing import Any
from unittest import mock

import pytest

from messaging.selectors.recipients import recipients
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db

SAME = (
    "id", "public_id", "name", "first_name", "email", "line_id", "language", "time_zone", "attributes", "erased_at",
    "merged_into_id",
)  # fmt: skip


def test_a_recipient_says_of_a_customer_what_the_record_says(django_assert_num_queries: Any) -> None:
    ann = CustomerFactory(name="Ann Lee", line_id="U1", time_zone="Asia/Bangkok", attributes={"size": {"shoe": 38}})
    nobody = CustomerFactory(name="", phone="", merged_into=ann)
    with django_assert_num_queries(1):
        found = recipients([ann.pk, nobody.pk, ann.pk, 0])
    assert found.keys() == {ann.pk, nobody.pk}
    for customer in (ann, nobody):
        seen = found[customer.pk]
        assert {name: getattr(seen, name) for name in SAME} == {name: getattr(customer, name) for name in SAME}
        assert seen.phone == str(customer.phone)


def test_no_number_is_taken_apart() -> None:
    ann = CustomerFactory(phone="+66812345678")
    with mock.patch("phonenumbers.parse") as parse:
        assert recipients([ann.pk])[ann.pk].phone == "+66812345678"
    parse.assert_not_called()
