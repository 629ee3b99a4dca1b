"""See a text as one customer would get it, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm.models import Customer, Shop
from messaging.models import Message
from messaging.rendering.freezing import Pieces, check_text, freeze
from messaging.rendering.letters import CannotCompose, Letter, Letters, Source, context_for
from messaging.texts import liquid
from messaging.texts.mjml import MAX_COMPILED


@dataclass(frozen=True, slots=True)
class Preview:
    """The letter, or why there is none; and the variables that the data at hand does not have."""

    letter: Letter | None
    error: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is being written, in one language."""

    body: str
    subject: str = ""
    html: str = ""
    mjml: str = ""


def preview(
    draft: Draft,
    *,
    channel: str,
    customer: Customer,
    shop: Shop,
    pieces: Pieces,
    language: str = "",
    context: Mapping[str, Any] | None = None,
) -> Preview:
    """
    Fill in Liquid texts for `customer`, by the very code that sends.

    Args:
        context: data a flow would bring, by root: {"event": {…}}. Without it such variables are reported as missing.

    Raises:
        messaging.texts.liquid.InvalidTemplate: the text is no template.
    """
    language = language or customer.language
    source = source_of(draft, language, pieces)
    message = Message(channel=channel, lane=Message.Lane.SERVICE, context=dict(context or {}), language=language)
    data = context_for(message, customer, shop)
    missing = {name for template in templates_of(source) for name in template.missing(data)}
    try:
        letter, error = Letters([message], shop).compose(message, customer, source), ""
    except CannotCompose as problem:
        letter, error = None, problem.detail
    return Preview(letter, error, tuple(sorted(missing)))


def source_of(draft: Draft, language: str, pieces: Pieces) -> Source:
    """The Liquid that would leave of `draft`, were it published now."""
    for name in ("subject", "body", "html", "mjml"):
        check_text(name, getattr(draft, name), language, pieces)
    frozen = freeze(draft, language, pieces)
    return Source(draft.subject, frozen.body or draft.body, frozen.html or draft.html, language)


def templates_of(source: Source) -> list[liquid.Template]:
    """The parsed parts of a text."""
    parts = ((source.subject, False), (source.body, False), (source.html, True))
    return [liquid.parse(text, html=is_html, most=MAX_COMPILED) for text, is_html in parts if text]
