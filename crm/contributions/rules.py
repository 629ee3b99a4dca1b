"""crm's own kinds of condition in the rule builder."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from crm.models import Channel, Review, State, Ticket
from crm.rules.menu import ACTION, PERSON, RECORD, STANDING, Control, Offer, Pairs, offer, suggests
from crm.selectors import suggestions

FIELDS = (
    ("name", _("name")), ("email", _("email")), ("phone", _("phone")), ("line_id", _("LINE id")),
    ("language", _("language")), ("time_zone", _("time zone")), ("source", _("first source")), ("owner", _("owner")),
    ("company", _("company")), ("birthday", _("birthday")), ("created_at", _("known since")),
    ("last_seen_at", _("last sign of life")),
)  # fmt: skip
WITHIN = Control("within", "span", _("in the last"), optional=True)
COUNT = Control("count", "compare", _("how often"), optional=True)

offer(
    Offer(
        "field", PERSON, _("Field of the record"), {"name": "language", "op": "eq", "value": ""},
        (Control("name", "choice", _("field"), "fields"), Control("", "test")),
    ),
    Offer(
        "attribute", PERSON, _("Custom attribute"), {"name": "", "op": "exists"},
        (Control("name", "text", _("attribute"), "attributes"), Control("", "test")),
    ),
    Offer("tag", PERSON, _("Tag"), "", (Control("", "text", _("tag"), "tags"),)),
    Offer(
        "consent", PERSON, _("Consent"), {"channel": "sms", "topic": ""},
        (
            Control("state", "choice", _("said"), "consents", optional=True),
            Control("topic", "text", _("topic"), "topics"),
            Control("channel", "choice", _("channel"), "channels"),
        ),
    ),
    Offer(
        "event", ACTION, _("Event"), {"name": ""},
        (
            Control("name", "text", _("event"), "events"), COUNT, WITHIN,
            Control("where", "where", _("property"), "properties", optional=True),
        ),
    ),
    Offer(
        "purchases", RECORD, _("Orders"), {},
        (
            Control("count", "compare", _("number"), optional=True),
            Control("total", "compare", _("worth in all"), optional=True),
            Control("average", "compare", _("worth on average"), optional=True),
            Control("currency", "text", _("currency"), optional=True),
            Control("last_within", "span", _("last one within"), optional=True),
            Control("last_before", "span", _("none for"), optional=True),
            WITHIN,
            Control("product", "text", _("product"), "products", optional=True),
            Control("category", "text", _("category"), "categories", optional=True),
            Control("late", "flag", _("late"), optional=True),
        ),
    ),
    Offer(
        "ticket", RECORD, _("Ticket"), {"open": True},
        (
            Control("open", "flag", _("open"), optional=True),
            Control("status", "choices", _("status"), "ticket_statuses", optional=True),
            Control("kind", "choice", _("kind"), "ticket_kinds", optional=True),
            Control("complaint", "flag", _("complaint"), optional=True),
            Control("within", "span", _("opened in the last"), optional=True),
        ),
    ),
    Offer(
        "review", RECORD, _("Review"), {},
        (
            Control("rating", "compare", _("stars"), optional=True),
            WITHIN,
            Control("status", "choice", _("status"), "review_statuses", optional=True),
            Control("site", "choice", _("where"), "review_sites", optional=True),
        ),
    ),
    Offer("segment", STANDING, _("Segment"), "", (Control("", "choice", _("segment"), "segments"),)),
)  # fmt: skip


def _alone(names: list[str]) -> Pairs:
    return [(name, name) for name in names]


@suggests("fields")
def fields() -> Pairs:
    return list(FIELDS)


@suggests("consents")
def consents() -> Pairs:
    return [*State.choices, ("none", _("never asked"))]


@suggests("attributes")
def attributes() -> Pairs:
    return _alone(suggestions.attribute_names())


@suggests("tags")
def tags() -> Pairs:
    return _alone(suggestions.tags())


@suggests("topics")
def topics() -> Pairs:
    return [*suggestions.topics()]


@suggests("channels")
def channels() -> Pairs:
    return [*Channel.choices]


@suggests("events")
def events() -> Pairs:
    return [*suggestions.event_names()]


@suggests("products")
def products() -> Pairs:
    return [*suggestions.products()]


@suggests("categories")
def categories() -> Pairs:
    return _alone(suggestions.categories())


@suggests("segments")
def segments() -> Pairs:
    return [*suggestions.segments()]


@suggests("owners")
def owners() -> Pairs:
    return _alone(suggestions.colleagues())


@suggests("ticket_statuses")
def ticket_statuses() -> Pairs:
    return [*Ticket.Status.choices]


@suggests("ticket_kinds")
def ticket_kinds() -> Pairs:
    return [*Ticket.Kind.choices]


@suggests("review_statuses")
def review_statuses() -> Pairs:
    return [*Review.Status.choices]


@suggests("review_sites")
def review_sites() -> Pairs:
    return [*Review.Site.choices]
