"""Lines over equal steps of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from crm.lib.charts.base import Chart, Text, figure, frame, nice_ceiling, tone

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 220, 44, 12, 12, 30
WIDE = 700  # from here on a phone shrinks the drawing to half and less
TICKS = 6


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `tone` names a colour class; without it the position in the list decides."""

    name: Text
    values: Sequence[float]
    tone: str = ""


def line_chart(
    *, title: Text, label: Text, labels: Sequence[Text], series: Sequence[Series], width: int = 560
) -> Chart:
    """
    Lines from nought upwards.

    Args:
        label: what the steps are ("Day"): the table's first heading.
        labels: one for each value; a handful are printed under the axis.
    """
    largest = max((value for one in series for value in one.values), default=0)
    ceiling = nice_ceiling(largest)

    def x(index: int) -> float:
        return LEFT + (width - LEFT - RIGHT) * index / max(1, len(labels) - 1)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / ceiling)

    counts = all(float(value).is_integer() for one in series for value in one.values)
    parts = [_scale(ceiling, width, y, whole=counts), _axis(labels, x)]
    parts += [_line(one, tone(one.tone, number), labels, x, y) for number, one in enumerate(series) if one.values]
    return Chart(
        svg=frame(
            "line-chart chart-wide" if width >= WIDE else "line-chart", width, HEIGHT, title, _spoken(series), parts
        ),
        headers=(label, *(one.name for one in series)),
        rows=tuple((at, *(figure(one.values[index]) for one in series)) for index, at in enumerate(labels)),
        legend=tuple((tone(one.tone, number), one.name) for number, one in enumerate(series) if len(series) > 1),
        is_empty=not largest,
    )


def _line(
    one: Series, colour: str, labels: Sequence[Text], x: Callable[[int], float], y: Callable[[float], float]
) -> SafeString:
    points = [(x(index), y(value)) for index, value in enumerate(one.values)]
    path = "M" + " L".join(f"{px:.1f},{py:.1f}" for px, py in points)
    floor = HEIGHT - BOTTOM
    dots = format_html_join(
        "",
        '<circle class="point {}" cx="{}" cy="{}" r="3"><title>{}, {}: {}</title></circle>',
        (
            (colour, f"{px:.1f}", f"{py:.1f}", one.name, at, figure(value))
            for (px, py), at, value in zip(points, labels, one.values, strict=True)
        ),
    )
    return format_html(
        '<path class="area {}" d="{} L{},{} L{},{} Z"/><path class="line {}" d="{}"/>{}',
        colour, path, f"{points[-1][0]:.1f}", floor, f"{points[0][0]:.1f}", floor, colour, path, dots,
    )  # fmt: skip


def _scale(ceiling: float, width: int, y: Callable[[float], float], *, whole: bool) -> SafeString:
    """Lines across at even steps; `whole` things are not counted in halves."""
    wanted = (2, 1) if ceiling < 4 else (4, 5)
    steps = next((n for n in wanted if not whole or (ceiling / n).is_integer()), 1)
    values = [ceiling * step / steps for step in range(steps + 1)]
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (LEFT, width - RIGHT, f"{y(value):.1f}", f"{y(value):.1f}", LEFT - 8, f"{y(value) + 4:.1f}", figure(value))
            for value in values
        ),
    )


def _axis(labels: Sequence[Text], x: Callable[[int], float]) -> SafeString:
    every, last = max(1, -(-len(labels) // TICKS)), len(labels) - 1
    return format_html_join(
        "",
        '<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (f"{x(index):.1f}", HEIGHT - 8, _anchor(index, last), labels[index])
            for index in range(0, len(labels), every)
        ),
    )


def _anchor(index: int, last: int) -> str:
    """The first word begins at the axis, clear of its nought; the last ends at the edge, beyond which nothing shows."""
    return "start" if index == 0 < last else "end" if 0 < index == last else "middle"


def _spoken(series: Sequence[Series]) -> str:
    return "; ".join(
        f"{one.name}: {figure(one.values[0])} → {figure(one.values[-1])}, ≤ {figure(max(one.values))}"
        for one in series
        if one.values
    )
