"""What the timeline says about messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.extensions import Description, RecordPage, add_record_page, describes, fold
from crm.models import Channel
from messaging.channels.reasons import label_of
from messaging.models import Message
from messaging.selectors import causes

Properties = Mapping[str, Any]


@describes("Message Sent")
def sent(properties: Properties) -> Description:
    words = " · ".join(part for part in (_channel(properties), _text(properties, "subject")) if part)
    return _with_why(properties, text="\n".join(part for part in (words, _text(properties, "text")) if part))


@describes(
    "Message Delivered", "Message Opened", "Message Clicked", "Message Unsubscribed", "Channel Followed", "Channel Left"
)
def came_back(properties: Properties) -> Description:
    return Description(_channel(properties))


@describes("Message Withheld")
def withheld(properties: Properties) -> Description:
    return _with_why(properties, text=_because(properties))


@describes("Message Failed")
def failed(properties: Properties) -> Description:
    return _with_why(properties, text=_because(properties), tone="bad")


@describes("Message Received")
def keyword(properties: Properties) -> Description:
    return Description(" · ".join(part for part in (_channel(properties), _text(properties, "text")) if part))


fold("Message Delivered", into="Message Sent", mark=_("delivered"))
fold("Message Opened", into="Message Sent", mark=_("opened, or fetched by a program"))
add_record_page(
    RecordPage("message", Message, lambda public_id: reverse("messaging:message_detail", args=[UUID(public_id)]))
)


def _with_why(properties: Properties, *, text: str, tone: str = "") -> Description:
    """What a person wrote explains itself; the rest says what made it go."""
    cause = properties.get("cause")
    return Description(text, why=causes.in_words(cause) if isinstance(cause, Mapping) else "", tone=tone)


def _because(properties: Properties) -> str:
    reason = _text(properties, "reason")
    return " · ".join(part for part in (_channel(properties), str(label_of(reason)) if reason else "") if part)


def _channel(properties: Properties) -> str:
    name = _text(properties, "channel")
    return str(Channel(name).label) if name in Channel.values else name


def _text(properties: Properties, name: str) -> str:
    value = properties.get(name)
    return value if isinstance(value, str) else ""
