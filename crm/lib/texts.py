"""The texts in properties from outside, where anybody may have written text, number or nonsense. Pure."""

from collections.abc import Mapping
from typing import Any


def said(properties: Mapping[str, Any], *names: str) -> str:
    """The first of `names` that holds a text or a number, as text without the space around it; "" when none does."""
    for name in names:
        value = properties.get(name)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and (found := str(value).strip()):
            return found
    return ""


def order_id(properties: Mapping[str, Any]) -> str:
    """The shop's order number, "" without one."""
    return said(properties, "order_id", "orderId")


def sku(properties: Mapping[str, Any]) -> str:
    """The product, "" without one."""
    return said(properties, "sku", "product_id")
