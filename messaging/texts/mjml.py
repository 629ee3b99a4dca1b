"""
MJML made into HTML for mail programs, with its Liquid still in it.

It is compiled before anything is filled in, so that a value can be no markup: it meets finished HTML, and is escaped
there. While it is compiled, pieces of Liquid are out of the way; they may stand in text, between blocks (tags only) and
in a few attributes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html.parser import HTMLParser

import mjml

from messaging.texts.liquid import MAX_SOURCE, InvalidTemplate, check_markup

MAX_COMPILED = 100_000  # characters; what is longer, mail programs cut off
MAX_DEPTH = 25
# Blocks that hold blocks: text has no place in them, and Liquid only its tags.
_FRAMES = frozenset(
    {"mjml", "mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero", "mj-navbar", "mj-social",
     "mj-accordion", "mj-accordion-element", "mj-carousel", "mj-head", "mj-attributes"}
)  # fmt: skip
_TAGS_IN = frozenset({"mj-body", "mj-wrapper", "mj-section", "mj-group", "mj-column", "mj-hero"})
_LEAVES = frozenset(
    {"mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table", "mj-title", "mj-preview", "mj-style",
     "mj-breakpoint", "mj-all", "mj-class", "mj-navbar-link", "mj-social-element", "mj-accordion-title",
     "mj-accordion-text", "mj-carousel-image"}
)  # fmt: skip
_KNOWN = _FRAMES | _LEAVES
_REFUSED = frozenset(
    {"script", "iframe", "object", "embed", "applet", "form", "input", "button", "textarea", "select", "base", "link",
     "meta", "svg", "math", "frame", "frameset", "template", "noscript", "style", "html", "head", "body", "title"}
)  # fmt: skip
_VOID = frozenset({"br", "hr", "img", "wbr", "col", "area"})
# Where a value may stand: nowhere that is read as a style or a size.
_OPEN = frozenset({"href", "src", "alt", "title"})
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MARK = re.compile(r"zq(\d+)\s*qz")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_SCRIPT_URL = re.compile(r"\s*(?:javascript|data|vbscript)\s*:", re.IGNORECASE)


@lru_cache(maxsize=256)
def compile_mjml(source: str, *, language: str = "en") -> str:
    """
    The HTML for `source`, whose Liquid stands in it as it was written. Nothing is fetched: no fonts, no includes.

    Raises:
        InvalidTemplate: names the fault and the line.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidTemplate("too_large", f"longer than {MAX_SOURCE} characters")
    if _MARK.search(source):
        raise InvalidTemplate("not_offered", "“zq…qz” means something to ourselves")
    check_markup(source)
    pieces: list[str] = []
    html = _restored(_compiled(_Frame(_set_aside(source, pieces), pieces).checked()), pieces)
    if len(html) > MAX_COMPILED:
        raise InvalidTemplate("too_large", f"more than {MAX_COMPILED} characters as HTML")
    return html.replace('lang="und" dir="auto"', f'lang="{language}" dir="auto"')


def text_of(html: str) -> str:
    """What HTML says, as plain text: links behind their words, Liquid as it stands."""
    pieces: list[str] = []
    reader = _Reader()
    reader.feed(_set_aside(html, pieces))
    reader.close()
    return _restored(reader.text(), pieces)


def _set_aside(source: str, pieces: list[str]) -> str:
    """`source` with a mark for each piece of Liquid, of as many lines."""

    def mark(found: re.Match[str]) -> str:
        pieces.append(found[0])
        return f"zq{len(pieces) - 1}" + "\n" * found[0].count("\n") + "qz"

    return _LIQUID.sub(mark, source)


def _restored(text: str, pieces: Sequence[str]) -> str:
    return _MARK.sub(lambda found: pieces[int(found[1])], text)


def _compiled(source: str) -> str:
    try:
        compiled: str = mjml.mjml2html(source, fonts={})
    except ValueError as error:
        raise InvalidTemplate("syntax", "this MJML cannot be read") from error
    return compiled


class _Frame(HTMLParser):
    """Reads MJML to see what it is made of, before the compiler does: that one names no lines and knows no limits."""

    def __init__(self, source: str, pieces: Sequence[str]) -> None:
        super().__init__(convert_charrefs=False)
        self._source = source
        self._pieces = pieces
        self._open: list[tuple[str, int]] = []
        self._edits: list[tuple[int, int, str]] = []
        self._starts = [0, *(found.end() for found in re.finditer("\n", source))]

    def checked(self) -> str:
        """The source with Liquid's tags between blocks made raw, which is what MJML lets stand there."""
        if not re.match(r"\s*<mjml[\s>]", self._source):
            raise InvalidTemplate("syntax", "MJML begins with <mjml>", 1)
        self.feed(self._source)
        self.close()
        if self._open:
            name, line = self._open[-1]
            raise InvalidTemplate("syntax", f"<{name}> is not closed", line)
        text = self._source
        for start, end, made in reversed(self._edits):
            text = text[:start] + made + text[end:]
        return text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)
        if tag not in _VOID:
            self._open.append((tag, self.getpos()[0]))
            if len(self._open) > MAX_DEPTH:
                raise self._fault("not_offered", "nested too deeply")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._check(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self._open or self._open[-1][0] != tag:
            raise self._fault("syntax", f"</{tag}> closes nothing that is open here")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        inside = self._open[-1][0] if self._open else ""
        if inside == "mj-style" and _MARK.search(data):
            raise self._fault("not_offered", "a value cannot stand in a style")
        if inside and inside not in _FRAMES:
            return
        if _MARK.sub("", data).strip():
            raise self._fault("syntax", "text stands outside of a block such as <mj-text>")
        line, column = self.getpos()
        offset = self._starts[line - 1] + column
        for found in _MARK.finditer(data):
            if inside not in _TAGS_IN or self._pieces[int(found[1])].startswith("{{"):
                raise self._fault("syntax", "Liquid stands outside of a block such as <mj-text>")
            self._edits.append((offset + found.start(), offset + found.end(), f"<mj-raw>{found[0]}</mj-raw>"))

    def handle_decl(self, decl: str) -> None:
        raise self._fault("not_offered", "declarations are not offered")

    def handle_pi(self, data: str) -> None:
        raise self._fault("not_offered", "processing instructions are not offered")

    def unknown_decl(self, data: str) -> None:
        raise self._fault("not_offered", "CDATA is not offered")

    def handle_comment(self, data: str) -> None:
        raise self._fault("not_offered", "comments are not offered: use {% comment %}")

    def handle_entityref(self, name: str) -> None:
        self._no_text(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._no_text(f"&#{name};")

    def _no_text(self, text: str) -> None:
        if not self._open or self._open[-1][0] in _FRAMES:
            raise self._fault("syntax", f"text stands outside of a block such as <mj-text>: {text}")

    def _check(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in _REFUSED or (tag.startswith("mj") and tag not in _KNOWN):
            raise self._fault("not_offered", f"<{tag}> is not offered")
        if (parent := self._open[-1][0] if self._open else "") in _FRAMES and not tag.startswith("mj"):
            raise self._fault("syntax", f"<{tag}> cannot stand in <{parent}>: put it into <mj-text>")
        if re.search(r"=\s*[^\"\s]", _QUOTED.sub('""', self.get_starttag_text() or "")):
            raise self._fault("syntax", "values of attributes need quotes")
        for name, value in attrs:
            self._check_attribute(name, value)

    def _check_attribute(self, name: str, value: str | None) -> None:
        if value is None:
            raise self._fault("syntax", f"the attribute {name} has no value")
        if name.startswith("on") or _MARK.search(name) or _SCRIPT_URL.match(value):
            raise self._fault("not_offered", f"the attribute {name} is not offered")
        if _MARK.search(value) and name not in _OPEN:
            raise self._fault("not_offered", f"a value cannot stand in the attribute {name}")

    def _fault(self, code: str, message: str) -> InvalidTemplate:
        return InvalidTemplate(code, message, self.getpos()[0])


class _Reader(HTMLParser):
    """What a reader sees."""

    _HIDDEN = frozenset({"head", "style", "script", "title"})
    _BREAKS = frozenset({"p", "div", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden: list[str] = []
        self._links: list[str] = []

    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_hidden = tag in self._HIDDEN or "display:none" in (dict(attrs).get("style") or "").replace(" ", "")
        if tag not in _VOID and (is_hidden if not self._hidden else tag == self._hidden[-1]):
            self._hidden.append(tag)
        if tag in self._BREAKS or tag == "br":
            self._parts.append("\n")
        if tag in ("td", "th"):
            self._parts.append(" ")
        if tag == "li":
            self._parts.append("- ")
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        if tag in ("p", "h1", "h2", "h3", "table"):
            self._parts.append("\n")
        if tag == "a" and self._links and (url := self._links.pop()):
            self._parts.append(f": {url}")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._parts.append(data.replace("\n", " "))
