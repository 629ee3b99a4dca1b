"""What all charts share: the frame, the figures, the colours."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

Text = str | Promise
COLOURS = 6  # .s1 … .s6 in static/css/charts.css
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A drawing and its figures.

    Attributes:
        headers, rows: the same figures as a table.
        legend: (colour class, name) pairs; empty when the drawing names everything itself.
        is_empty: every figure is nought, so there is nothing to see yet.
    """

    svg: SafeString
    headers: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    legend: tuple[tuple[str, Text], ...] = ()
    is_empty: bool = False


def frame(kind: str, width: int, height: float, title: Text, spoken: str, parts: Iterable[SafeString]) -> SafeString:
    """The <svg> around `parts`; screen readers say `title` and `spoken`."""
    number = next(_numbers)
    drawn = mark_safe("".join(parts))
    # An image is one thing to a screen reader: links inside it could not be reached.
    role = "group" if "<a " in drawn else "img"
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="{}" aria-labelledby="chart-{}-title chart-{}-text">'
        '<title id="chart-{}-title">{}</title><desc id="chart-{}-text">{}</desc>{}</svg>',
        kind, width, f"{height:.0f}", role, number, number, number, title, number, spoken, drawn,
    )  # fmt: skip


def figure(value: float) -> str:
    """A number as people read it: thousands apart, no needless decimals."""
    return intcomma(int(value) if float(value).is_integer() else round(value, 2))


def linked(drawn: str, url: str, said: Text = "") -> SafeString:
    """`drawn`, leading to `url` when there is one; `said` is what a screen reader calls a link without text."""
    if not url:
        return format_html("{}", drawn)
    if not said:
        return format_html('<a href="{}">{}</a>', url, drawn)
    return format_html('<a href="{}" aria-label="{}">{}</a>', url, said, drawn)


def tone(given: str, position: int) -> str:
    """The colour class: the given one, else by position."""
    return given or f"s{position % COLOURS + 1}"


def nice_ceiling(value: float) -> float:
    """The next round number a scale may end on: 1, 2, 2.5, 5 or 10 times a power of ten."""
    if value <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * (1 - 1e-9))
