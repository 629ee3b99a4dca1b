"""See a text as one customer would get it, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm.models import Customer, Shop
from messaging.models import Message
from messaging.rendering.letters import CannotCompose, Letter, Letters, context_for
from messaging.texts import liquid


@dataclass(frozen=True, slots=True)
class Preview:
    """The letter, or why there is none; and the variables that the data at hand does not have."""

    letter: Letter | None
    error: str
    missing: tuple[str, ...]


def preview(
    *,
    subject: str,
    body: str,
    channel: str,
    customer: Customer,
    shop: Shop,
    language: str = "",
    is_marketing: bool = False,
    context: Mapping[str, Any] | None = None,
) -> Preview:
    """
    Fill in Liquid texts for `customer`, by the very code that sends.

    Args:
        context: data a flow would bring, by root: {"event": {…}}. Without it such variables are reported as missing.

    Raises:
        messaging.texts.liquid.InvalidTemplate: the text is no template.
    """
    message = Message(
        channel=channel, lane=Message.Lane.MARKETING if is_marketing else Message.Lane.SERVICE, source_subject=subject,
        source_body=body, context=dict(context or {}), language=language or customer.language,
    )  # fmt: skip
    data = context_for(message, customer, shop)
    missing = {name for text in (subject, body) for name in liquid.parse(text).missing(data)}
    try:
        letter, error = Letters([message], shop).compose(message, customer), ""
    except CannotCompose as problem:
        letter, error = None, problem.detail
    return Preview(letter, error, tuple(sorted(missing)))
