"""
The text of an HTML letter.

The HTML of a stranger is never shown and never kept: what it says is read off, as a reader without pictures would.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import nh3

LONGEST = 1_000_000  # characters of HTML that are read
MOST_TAGS = 10_000  # a parser of broken HTML takes the square of how deep tags are nested
DEEPEST = 5  # quotes in quotes that are told apart
_BLOCKS = frozenset({
    "p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr",
    "section", "article", "header", "footer",
})  # fmt: skip
_SPACED = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre"})
_VOID = frozenset({"br", "hr"})


def to_text(html: str) -> str:
    """
    What an HTML part says: a line for each block, "> " before what is quoted, links with their address.

    Scripts, styles, comments, pictures and whatever HTML does not know are left out.
    """
    few = "<".join(html[:LONGEST].split("<", MOST_TAGS)[:MOST_TAGS])
    safe = nh3.clean(
        few, tags=set(_BLOCKS | {"a", "td", "th"}), attributes={"a": {"href"}}, link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
        clean_content_tags={"script", "style", "title", "head", "noscript", "template"},
    )  # fmt: skip
    reader = _Reader()
    reader.feed(safe)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Reads sanitised HTML off, line by line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._depth = 0  # of quotes
        self._href = ""
        self._link: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._break(tag)
        elif tag in ("td", "th") and self._line:
            self._line.append(" ")
        if tag == "blockquote":
            self._depth += 1
        elif tag == "li":
            self._line.append("- ")
        elif tag == "a":
            self._href, self._link = dict(attrs).get("href") or "", []

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS and tag not in _VOID:
            self._break(tag)
        if tag == "blockquote":
            self._depth = max(0, self._depth - 1)
        elif tag == "a" and self._href:
            said = "".join(self._link).strip()
            address = self._href.removeprefix("mailto:").removeprefix("tel:")
            if address.rstrip("/") != said.rstrip("/") and address:
                self._line.append(f" ({address})" if said else address)
            self._href = ""

    def handle_data(self, data: str) -> None:
        said = re.sub(r"[ \t\r\n\f]+", " ", data)
        self._line.append(said)
        if self._href:
            self._link.append(said)

    def text(self) -> str:
        self._flush()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()

    def _break(self, tag: str) -> None:
        is_filled = self._flush()
        if tag == "br" and not is_filled:
            self._lines.append(self._marks().rstrip())
        elif tag in _SPACED and self._lines and self._lines[-1].strip("> "):
            self._lines.append("")

    def _flush(self) -> bool:
        line = re.sub(r" {2,}", " ", "".join(self._line).replace("\xa0", " ")).strip()
        self._line = []
        if line:
            self._lines.append(self._marks() + line)
        return bool(line)

    def _marks(self) -> str:
        return "> " * min(self._depth, DEEPEST)
