"""Bars that lie one under the other, each under its own name, so that long names and small screens fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.lib.charts.base import Chart, Text, figure, frame, linked, tone

ROW, BAR = 50, 14


@dataclass(frozen=True, slots=True)
class Step:
    """One bar. `tone` names a colour class; `url` leads to the rows behind the figure."""

    name: Text
    value: int
    tone: str = ""
    url: str = ""


def bar_chart(*, title: Text, label: Text, measure: Text, steps: Sequence[Step], width: int = 480) -> Chart:
    """Each bar as long as its share of the largest. `label` and `measure` head the table."""
    return _chart("bar-chart", title, (label, measure), steps, width, None)


def funnel_chart(*, title: Text, label: Text, measure: Text, steps: Sequence[Step], width: int = 480) -> Chart:
    """Bars of one colour that narrow from the first; each says its share of the first."""
    first = steps[0].value if steps else 0

    def share(step: Step) -> str:
        return f"{100 * step.value / first:.0f}%" if first else "–"

    return _chart("funnel-chart", title, (label, measure, "%"), steps, width, share)


def _chart(
    kind: str, title: Text, headers: tuple[Text, ...], steps: Sequence[Step], width: int,
    share: Callable[[Step], str] | None,
) -> Chart:  # fmt: skip
    largest = max((step.value for step in steps), default=0)
    parts = [_row(step, number, width, largest, share) for number, step in enumerate(steps)]
    spoken = ", ".join(f"{step.name}: {figure(step.value)}" + (f" ({share(step)})" if share else "") for step in steps)
    return Chart(
        svg=frame(kind, width, max(1, len(steps)) * ROW, title, spoken, parts),
        headers=headers,
        rows=tuple(
            (step.name, linked(figure(step.value), step.url), *((share(step),) if share else ())) for step in steps
        ),
        is_empty=not largest,
    )


def _row(step: Step, number: int, width: int, largest: int, share: Callable[[Step], str] | None) -> SafeString:
    y = ROW * number
    long = width * step.value / (largest or 1)
    beside = format_html('<tspan class="share" dx="8">{}</tspan>', share(step)) if share else ""
    drawn = format_html(
        '<text class="label" x="0" y="{}">{}</text><text class="value" x="{}" y="{}" text-anchor="end">{}{}</text>'
        '<rect class="track" x="0" y="{}" width="{}" height="{}" rx="4"/>'
        '<rect class="bar {}" x="0" y="{}" width="{}" height="{}" rx="4"/>',
        y + 17, step.name,
        width, y + 17, figure(step.value), beside,
        y + 25, width, BAR,
        tone(step.tone, number if share is None else 0), y + 25, f"{long:.1f}", BAR,
    )  # fmt: skip
    return linked(drawn, step.url)
