"""What the timeline says about crm's own facts, and where their records are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.extensions import Description, RecordPage, add_record_page, describes, fold
from crm.lib.money import InvalidMoney, Money
from crm.models import Consent, Purchase, Review, State, Ticket, Touchpoint

Properties = Mapping[str, Any]


@describes("Order Paid", "Order Shipped", "Order Delivered", "Order Cancelled")
def order(properties: Properties) -> Description:
    return Description(_order(properties))


@describes("Order Completed", "Order Updated")
def order_with_products(properties: Properties) -> Description:
    return Description(_join(_order(properties), _products(properties)))


@describes("Order Late")
def order_late(properties: Properties) -> Description:
    return Description(_order(properties), tone="bad")


@describes("Order Refunded")
def refund(properties: Properties) -> Description:
    return Description(_join(_order(properties), _text(properties, "reason")))


@describes("Page Viewed", "Screen Viewed")
def page_view(properties: Properties) -> Description:
    return Description(_first(properties, "title", "name", "path", "url"))


@describes("Touchpoint Visited", "Lead Form Submitted")
def touchpoint(properties: Properties) -> Description:
    return Description(_join(_first(properties, "name", "touchpoint"), _text(properties, "campaign")))


@describes("Products Searched")
def searched(properties: Properties) -> Description:
    query = _text(properties, "query")
    return Description(f"“{query}”" if query else "")


@describes(
    "Product Viewed", "Product Clicked", "Product Added", "Product Removed", "Product Added to Wishlist",
    "Product Removed from Wishlist", "Wishlist Product Added to Cart", "Product Shared", "Product Registered",
)  # fmt: skip
def product(properties: Properties) -> Description:
    # A price without a currency is just a number.
    price = _amount(properties, "price") if _text(properties, "currency") else ""
    return Description(_join(_first(properties, "name", "sku", "product_id"), price))


@describes("Checkout Started", "Cart Viewed", "Products Compared", "Product List Viewed")
def cart(properties: Properties) -> Description:
    return Description(_join(_products(properties), _amount(properties, "value")))


@describes("Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed")
def coupon(properties: Properties) -> Description:
    return Description(_join(_first(properties, "coupon_name", "coupon_id"), _text(properties, "reason")))


@describes("Coupon Issued", "Coupon Redeemed")
def own_coupon(properties: Properties) -> Description:
    order = _text(properties, "order_id")
    return Description(
        _join(_text(properties, "coupon_name"), _text(properties, "value"), f"#{order}" if order else "")
    )


@describes("Product Reviewed", "Review Published")
def review(properties: Properties) -> Description:
    # Storefronts send the rating as text, too.
    rating = int(said) if (said := _text(properties, "rating")) in {"1", "2", "3", "4", "5"} else 0
    stars = "★" * rating + "☆" * (5 - rating) if rating else ""
    return Description(_join(stars, _first(properties, "text", "review_body")), tone="bad" if 0 < rating <= 2 else "")


@describes("Enquiry Opened", "Ticket Opened", "Ticket Resolved", "Ticket Closed")
def ticket(properties: Properties) -> Description:
    return Description(_join(_text(properties, "ticket"), _text(properties, "subject")))


@describes("Ticket Message Received", "Ticket Replied")
def ticket_message(properties: Properties) -> Description:
    return Description(_text(properties, "text"))


@describes("Ticket Reopened")
def ticket_reopened(properties: Properties) -> Description:
    return Description(_text(properties, "ticket"))


@describes("Note Added", "Call Logged")
def note(properties: Properties) -> Description:
    return Description(_join(_text(properties, "author"), _text(properties, "text"), by="\n"))


@describes("NPS Answered")
def nps(properties: Properties) -> Description:
    return Description(_join(_text(properties, "score"), _first(properties, "comment", "text")))


@describes("Customer Created")
def became_known(properties: Properties) -> Description:
    source = _text(properties, "source")
    return Description(_("Through %(source)s") % {"source": source} if source else "")


@describes("Attributes Changed")
def attributes(properties: Properties) -> Description:
    names = properties.get("attributes")
    return Description(", ".join(map(str, names)) if isinstance(names, list) else "")


@describes("Consent Changed")
def consent(properties: Properties) -> Description:
    channel = dict(Consent._meta.get_field("channel").flatchoices).get(_text(properties, "channel"), "")
    state = dict(State.choices).get(_text(properties, "state"), "")
    tone = "bad" if properties.get("state") == State.OUT else "good"
    return Description(_join(str(channel), _text(properties, "topic"), str(state)), tone=tone)


def _page(url_name: str) -> Callable[[str], str]:
    return lambda public_id: reverse(url_name, args=[UUID(public_id)])


PAGES = (
    RecordPage("purchase", Purchase, _page("crm:purchase_detail")),
    RecordPage("ticket", Ticket, _page("crm:ticket_detail")),
    RecordPage("review", Review, lambda public_id: f"{reverse('crm:review_list')}?review={UUID(public_id)}"),
    RecordPage("touchpoint", Touchpoint, _page("crm:touchpoint_detail")),
)
for page in PAGES:
    add_record_page(page)


fold("Review Published", into="Product Reviewed", mark=gettext_lazy("published"))


def _text(properties: Properties, name: str) -> str:
    """A property as text; storefronts send numbers, lists and nothing at all under any name."""
    value = properties.get(name)
    return str(value)[:500] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _first(properties: Properties, *names: str) -> str:
    return next((text for name in names if (text := _text(properties, name))), "")


def _join(*parts: str, by: str = " · ") -> str:
    return by.join(part for part in parts if part)


def _order(properties: Properties) -> str:
    number = _text(properties, "order_id")
    return _join(f"#{number}" if number else "", _amount(properties))


def _amount(properties: Properties, *names: str) -> str:
    amount = _first(properties, *(names or ("total", "value", "revenue")))
    currency = _text(properties, "currency")
    if not amount or not currency:
        return amount
    try:
        return str(Money.of(amount, currency.upper()))
    except InvalidMoney:
        return f"{amount} {currency}"


def _products(properties: Properties) -> str:
    """The first two products by name, and how many more."""
    listed = properties.get("products")
    if not isinstance(listed, list):
        return ""
    names = [_first(item, "name", "sku", "product_id") for item in listed if isinstance(item, Mapping)]
    shown = ", ".join(name for name in names[:2] if name)
    more = len(names) - 2
    return _("%(names)s and %(n)s more") % {"names": shown, "n": more} if shown and more > 0 else shown
