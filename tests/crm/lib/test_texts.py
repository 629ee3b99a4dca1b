"""Texts and numbers are read as text; what is neither is not there."""

import pytest

from crm.lib import texts

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("value", "read"),
    [("A-1", "A-1"), (" A-1\n", "A-1"), (17, "17"), (1.5, "1.5"), (0, "0")]
    + [(nothing, "") for nothing in (None, "", "  ", True, False, [], ["A-1"], {"id": "A-1"})],
)
def test_a_text_or_a_number_is_read_as_text_and_anything_else_as_nothing(value, read):
    assert texts.said({"order": value}, "order") == read


def test_the_first_name_that_says_anything_counts():
    assert texts.said({"title": " ", "name": "Tea"}, "title", "name") == "Tea"
    assert texts.order_id({"orderId": 7}) == "7"
    assert texts.sku({"sku": "", "product_id": "TEA"}) == "TEA"
    assert texts.order_id({}) == ""
