"""The vocabulary of the event log: drafts, and the registry each app adds its event types to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
OURS = "waymark"  # the source of facts that we found out ourselves
ATTRIBUTES_CHANGED = "Attributes Changed"


@dataclass(frozen=True, slots=True)
class EventType:
    """
    One kind of fact about a customer.

    Attributes:
        name: the field's name for it, Title Case "Object Action" (Segment's e-commerce spec where it has one).
        label: what staff read in the timeline.
        category: the timeline's filter chip: visit, enquiry, order, message, ticket, review, stage, staff or other.
        icon: name of an icon in templates/components/icons/.
        sign_of_life: the customer did this, so it resets "days since we last heard of them".
    """

    name: str
    label: Text
    category: str = "other"
    icon: str = "dot"
    sign_of_life: bool = True


@dataclass(frozen=True, slots=True)
class EventDraft:
    """
    A fact not yet stored.

    Attributes:
        dedupe_key: names the fact within `source`; the same key again is the same fact.
        properties: JSON. Money as decimal strings beside a "currency", times ISO 8601 UTC.
        object_type, object_id: the record it speaks of ("purchase", its primary key), for links.
    """

    name: str
    customer_id: int
    occurred_at: datetime
    dedupe_key: str
    source: str = OURS
    properties: Mapping[str, Any] = field(default_factory=dict)
    object_type: str = ""
    object_id: int | None = None


_types: dict[str, EventType] = {}


def register(*event_types: EventType) -> None:
    """
    Add to the vocabulary.

    Raises:
        ValueError: a name is registered twice.
    """
    for event_type in event_types:
        if event_type.name in _types:
            raise ValueError(f"event type {event_type.name!r} is registered twice")
        _types[event_type.name] = event_type


def get(name: str) -> EventType:
    """The type called `name`; one we never heard of (a shop's own) still has a label."""
    return _types.get(name) or EventType(name, name)


def known() -> tuple[EventType, ...]:
    """All registered types, by name: what pickers offer."""
    return tuple(sorted(_types.values(), key=lambda event_type: event_type.name))


# Version 1 names of the e-commerce spec that old storefronts still send.
ALIASES = {
    "Completed Order": "Order Completed",
    "Viewed Product": "Product Viewed",
    "Viewed Product Category": "Product List Viewed",
    "Added Product": "Product Added",
    "Removed Product": "Product Removed",
    "Started Order": "Checkout Started",
    "Updated Order": "Order Updated",
    "Refunded Order": "Order Refunded",
    "Cancelled Order": "Order Cancelled",
    "Order Canceled": "Order Cancelled",
    "Searched Products": "Products Searched",
}

register(
    EventType("Customer Created", _("Became known"), "other", "person"),
    EventType(ATTRIBUTES_CHANGED, _("Details changed"), "staff", "pencil", sign_of_life=False),
    EventType("Customer Merged", _("Records merged"), "staff", "merge", sign_of_life=False),
    EventType("Page Viewed", _("Visited a page"), "visit", "eye"),
    EventType("Screen Viewed", _("Opened a screen of the app"), "visit", "eye"),
    EventType("Touchpoint Visited", _("Came through a touchpoint"), "visit", "pin"),
    EventType("Lead Form Submitted", _("Filled in a lead form"), "visit", "pin"),
    EventType("Signed Up", _("Signed up"), "visit", "person"),
    EventType("Newsletter Signed Up", _("Signed up for news"), "visit", "envelope"),
    EventType("Loyalty Signed Up", _("Joined the loyalty programme"), "visit", "star"),
    EventType("Promotion Viewed", _("Saw a promotion"), "visit", "tag"),
    EventType("Promotion Clicked", _("Clicked a promotion"), "visit", "tag"),
    EventType("Products Searched", _("Searched products"), "visit", "search"),
    EventType("Product List Viewed", _("Viewed a product list"), "visit", "eye"),
    EventType("Product List Filtered", _("Filtered a product list"), "visit", "eye"),
    EventType("Product Clicked", _("Clicked a product"), "visit", "eye"),
    EventType("Product Viewed", _("Viewed a product"), "visit", "eye"),
    EventType("Products Compared", _("Compared products"), "visit", "eye"),
    EventType("Review Read", _("Read reviews"), "visit", "star"),
    EventType("Price List Requested", _("Asked for a price list"), "enquiry", "chat"),
    EventType("Product Added", _("Put in the cart"), "visit", "cart"),
    EventType("Product Removed", _("Took out of the cart"), "visit", "cart"),
    EventType("Product Added to Wishlist", _("Put on the wish list"), "visit", "heart"),
    EventType("Product Removed from Wishlist", _("Took off the wish list"), "visit", "heart"),
    EventType("Wishlist Product Added to Cart", _("Moved from wish list to cart"), "visit", "cart"),
    EventType("Cart Viewed", _("Viewed the cart"), "visit", "cart"),
    EventType("Checkout Started", _("Started checkout"), "visit", "cart"),
    EventType("Checkout Step Viewed", _("Viewed a checkout step"), "visit", "cart"),
    EventType("Checkout Step Completed", _("Completed a checkout step"), "visit", "cart"),
    EventType("Payment Info Entered", _("Entered payment details"), "visit", "card"),
    EventType("Coupon Entered", _("Entered a coupon"), "visit", "tag"),
    EventType("Coupon Applied", _("Used a coupon"), "visit", "tag"),
    EventType("Coupon Denied", _("Coupon was refused"), "visit", "tag"),
    EventType("Coupon Removed", _("Took a coupon off"), "visit", "tag"),
    # Ours: the storefront's "Coupon Applied" may be taken off the cart again, a redemption happens once.
    EventType("Coupon Issued", _("Was given a coupon"), "other", "tag", sign_of_life=False),
    EventType("Coupon Redeemed", _("Redeemed a coupon"), "order", "tag"),
    EventType("Order Updated", _("Changed an order"), "order", "bag", sign_of_life=False),
    EventType("Order Completed", _("Ordered"), "order", "bag"),
    EventType("Order Paid", _("Paid"), "order", "card"),
    EventType("Order Shipped", _("Order shipped"), "order", "truck", sign_of_life=False),
    EventType("Order Delivered", _("Order delivered"), "order", "truck", sign_of_life=False),
    EventType("Order Late", _("Delivery is late"), "order", "clock", sign_of_life=False),
    EventType("Order Cancelled", _("Order cancelled"), "order", "cross"),
    EventType("Order Refunded", _("Money refunded"), "order", "undo"),
    EventType("Product Registered", _("Registered a product"), "order", "check"),
    EventType("Product Shared", _("Shared a product"), "review", "share"),
    EventType("Cart Shared", _("Shared a cart"), "review", "share"),
    EventType("Product Reviewed", _("Wrote a review"), "review", "star"),
    EventType("Review Published", _("Review published"), "review", "star", sign_of_life=False),
    EventType("Review Replied", _("We answered the review"), "review", "chat", sign_of_life=False),
    EventType("Referral Converted", _("A friend they sent has bought"), "review", "share", sign_of_life=False),
    EventType("NPS Answered", _("Answered the NPS question"), "review", "star"),
    EventType("Enquiry Opened", _("Asked us something"), "enquiry", "chat"),
    EventType("Ticket Opened", _("Asked for after-sales help"), "ticket", "lifebuoy"),
    EventType("Ticket Message Received", _("Wrote to us"), "ticket", "chat"),
    EventType("Ticket Replied", _("We replied"), "ticket", "reply", sign_of_life=False),
    EventType("Ticket Resolved", _("Ticket resolved"), "ticket", "check", sign_of_life=False),
    EventType("Ticket Reopened", _("Ticket reopened"), "ticket", "lifebuoy", sign_of_life=False),
    EventType("Ticket Closed", _("Ticket closed"), "ticket", "check", sign_of_life=False),
    EventType("Segment Entered", _("Entered a segment"), "other", "people", sign_of_life=False),
    EventType("Segment Left", _("Left a segment"), "other", "people", sign_of_life=False),
    EventType("Note Added", _("Note"), "staff", "note", sign_of_life=False),
    EventType("Task Completed", _("Task done"), "staff", "task", sign_of_life=False),
    EventType("Call Logged", _("Call"), "staff", "phone"),
    EventType("Consent Changed", _("Consent changed"), "other", "check"),
)
