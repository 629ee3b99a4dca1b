"""
What is sent of what was written: shared pieces put in, MJML compiled, an empty text part made from the HTML.

Done when a version is published, and kept with it: what goes out is what was looked at, whatever becomes of a piece
later. It is still Liquid; the customer's data come in when a message is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from crm.models import Shop
from messaging.models import TemplatePartial
from messaging.texts import liquid, partials
from messaging.texts.mjml import MAX_COMPILED, compile_mjml, text_of


class Written(Protocol):
    """A text as an author wrote it."""

    @property
    def body(self) -> str: ...
    @property
    def html(self) -> str: ...
    @property
    def mjml(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Frozen:
    """What leaves instead of what was written; "" where that is the same."""

    body: str = ""
    html: str = ""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The shared pieces, by name and language; `current` reads them with one query, and the shop."""

    rows: Mapping[str, Mapping[str, TemplatePartial]]
    shop_language: str

    @classmethod
    def current(cls) -> Pieces:
        rows: dict[str, dict[str, TemplatePartial]] = {}
        for row in TemplatePartial.objects.order_by("slug", "language"):
            rows.setdefault(row.slug, {})[row.language.lower()] = row
        return cls(rows, Shop.current().language)

    def text(self, language: str, name: str) -> str:
        """
        The text of a piece in the language nearest to `language`.

        Raises:
            LookupError: there is no such piece.
        """
        return self._nearest(language, name).text

    def html(self, language: str, name: str) -> str:
        """
        Its HTML.

        Raises:
            LookupError: as `text`, and when it has only a text.
        """
        row = self._nearest(language, name)
        if not row.html:
            raise LookupError(f"the piece “{name}” has no HTML, which this text needs")
        return row.html

    def _nearest(self, language: str, name: str) -> TemplatePartial:
        rows = self.rows.get(name)
        if rows is None:
            raise LookupError(f"there is no such piece: {name}")
        wanted = language.lower()
        tried = (wanted, wanted.partition("-")[0], self.shop_language.lower())
        return next((rows[code] for code in tried if code in rows), next(iter(rows.values())))


def freeze(text: Written, language: str, pieces: Pieces) -> Frozen:
    """
    What leaves of `text`.

    Raises:
        messaging.texts.liquid.InvalidTemplate: the MJML is none, or a piece is missing.
    """
    html = compile_mjml(text.mjml, language=language) if text.mjml.strip() else text.html
    html = partials.put_in(html, partial(pieces.html, language), most=MAX_COMPILED)
    body = partials.put_in(text.body, partial(pieces.text, language))
    if not body.strip() and html.strip():
        body = text_of(html)
    return Frozen(body if body != text.body else "", html if html != text.html else "")


def check_text(name: str, text: str, language: str, pieces: Pieces) -> None:
    """
    See whether one part of a text, "subject", "body", "html" or "mjml", may be kept.

    Raises:
        messaging.texts.liquid.InvalidTemplate: with the line of what was written, where the fault is in it.
    """
    if "\0" in text:
        raise liquid.InvalidTemplate("invalid_text", "contains a NUL character")
    if len(text) > liquid.MAX_SOURCE:
        raise liquid.InvalidTemplate("too_large", f"longer than {liquid.MAX_SOURCE} characters")
    is_html = name in ("html", "mjml")
    asks_for_pieces = name != "subject" and bool(partials.names_in(text))
    # First as it was written, where lines mean something; then as it leaves, where the limits hold.
    liquid.parse(partials.without(text) if asks_for_pieces else text, html=is_html)
    if name == "mjml" and text.strip():
        text = compile_mjml(text, language=language)
    if asks_for_pieces:
        find = partial(pieces.html if is_html else pieces.text, language)
        text = partials.put_in(text, find, most=MAX_COMPILED if is_html else liquid.MAX_SOURCE)
    if asks_for_pieces or name == "mjml":
        liquid.parse(text, html=is_html, most=MAX_COMPILED if is_html else liquid.MAX_SOURCE)
