import pytest

from crm import extensions


@pytest.mark.parametrize(
    ("name", "properties", "text"),
    [
        ("Order Completed", {"order_id": "A1", "total": "480.00", "currency": "thb"}, "#A1 · 480.00 THB"),
        ("Order Completed", {"order_id": "A1", "products": [{"name": "Tea"}, {"sku": "P2"}]}, "#A1 · Tea, P2"),
        ("Order Shipped", {}, ""),
        ("Product Viewed", {"name": "Green tea", "price": 260, "currency": "THB"}, "Green tea · 260.00 THB"),
        ("Product Added", {"sku": "GRN-100", "price": 260}, "GRN-100"),
        ("Products Searched", {"query": "matcha"}, "“matcha”"),
        ("Page Viewed", {"url": "https://shop.example/tea"}, "https://shop.example/tea"),
    ],
)
def test_a_fact_is_told_in_a_line(name: str, properties: dict[str, object], text: str) -> None:
    assert str(extensions.describe(name, properties).text) == text


def test_a_late_order_stands_out() -> None:
    assert extensions.describe("Order Late", {"order_id": "A1"}).tone == "bad"
