"""Where people go: nodes in columns, ribbons between them as wide as the number who went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.lib.charts.base import Chart, Text, figure, frame, linked, tone

NODE, GAP, TOP, BOTTOM = 12, 34, 26, 6


@dataclass(frozen=True, slots=True)
class Node:
    """
    `key` is what links name, `layer` the column from the left. `url` leads to who passed.

    `figure` is what the node says of itself: people who passed are fewer than passages when somebody passed twice.
    """

    key: str
    name: Text
    layer: int
    tone: str = ""
    url: str = ""
    figure: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """`value` went from the node `source` to the node `target`; `url` leads to them."""

    source: str
    target: str
    value: int
    url: str = ""


def sankey_chart(
    *, title: Text, headers: tuple[Text, Text, Text], nodes: Sequence[Node], links: Sequence[Link],
    width: int = 880, height: int = 320,
) -> Chart:  # fmt: skip
    """
    Draw the links; nodes nobody passed are left out. All widths share one scale.

    Args:
        headers: the table's headings: from, to, how many.

    Raises:
        ValueError: a link leads to an unknown node, or not from a lower layer to a higher one.
    """
    by_key = {node.key: node for node in nodes}
    for link in links:
        if link.source not in by_key or link.target not in by_key:
            raise ValueError(f"link {link.source} → {link.target} names an unknown node")
        if by_key[link.source].layer >= by_key[link.target].layer:
            raise ValueError(f"link {link.source} → {link.target} does not lead forward")
    travelled = [link for link in links if link.value > 0]
    layout = _Layout(nodes, travelled, width, height)
    ordered = sorted(travelled, key=lambda link: (-link.value, link.source, link.target))
    told = [(by_key[link.source].name, by_key[link.target].name, figure(link.value)) for link in ordered]
    return Chart(
        svg=frame(
            "sankey-chart", width, height, title, "; ".join(f"{a} → {b}: {n}" for a, b, n in told), layout.drawn()
        ),
        headers=headers,
        rows=tuple((a, b, linked(n, link.url)) for (a, b, n), link in zip(told, ordered, strict=True)),
        is_empty=not travelled,
    )


class _Layout:
    """Columns by layer, rows in the given order, heights by the number who passed."""

    def __init__(self, nodes: Sequence[Node], links: Sequence[Link], width: int, height: int) -> None:
        self.links, self.width = links, width
        self.order = {node.key: number for number, node in enumerate(nodes)}
        self.node = {node.key: node for node in nodes}
        self.passed = {
            key: max(
                sum(link.value for link in links if link.source == key),
                sum(link.value for link in links if link.target == key),
            )
            for key in self.node
        }
        columns: dict[int, list[str]] = {}
        for node in nodes:
            if self.passed[node.key]:
                columns.setdefault(node.layer, []).append(node.key)
        self.first = min(columns, default=0)
        self.last = max(columns, default=0)
        room = height - TOP - BOTTOM
        self.scale = min(
            ((room - GAP * (len(keys) - 1)) / sum(self.passed[key] for key in keys) for keys in columns.values()),
            default=1.0,
        )
        self.top: dict[str, float] = {}
        for keys in columns.values():
            tall = sum(self.passed[key] for key in keys) * self.scale + GAP * (len(keys) - 1)
            at = TOP + (room - tall) / 2
            for key in keys:
                self.top[key] = at
                at += self.passed[key] * self.scale + GAP

    def drawn(self) -> list[SafeString]:
        leaving, arriving = dict(self.top), dict(self.top)
        parts = []
        # Taken in the nodes' order at both ends, ribbons do not cross where they leave or arrive.
        for link in sorted(self.links, key=lambda link: (self.order[link.source], self.order[link.target])):
            parts.append(self._ribbon(link, leaving[link.source], arriving[link.target]))
            leaving[link.source] += link.value * self.scale
            arriving[link.target] += link.value * self.scale
        return parts + [self._box(self.node[key]) for key in self.top]

    def _x(self, key: str) -> float:
        steps = (self.last - self.first) or 1
        return 2 + (self.width - 4 - NODE) * (self.node[key].layer - self.first) / steps

    def _tone(self, key: str) -> str:
        return tone(self.node[key].tone, self.order[key])

    def _ribbon(self, link: Link, y0: float, y1: float) -> SafeString:
        x0, x1, thick = self._x(link.source) + NODE, self._x(link.target), link.value * self.scale
        middle = (x0 + x1) / 2
        path = (
            f"M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f} V{y1 + thick:.1f} "
            f"C{middle:.1f},{y1 + thick:.1f} {middle:.1f},{y0 + thick:.1f} {x0:.1f},{y0 + thick:.1f} Z"
        )
        names = (self.node[link.source].name, self.node[link.target].name)
        said = format_html("{} → {}: {}", *names, figure(link.value))
        drawn = format_html(
            '<path class="ribbon {}" d="{}"><title>{}</title></path>', self._tone(link.source), path, said
        )
        return linked(drawn, link.url, said)

    def _box(self, node: Node) -> SafeString:
        x, y, tall = self._x(node.key), self.top[node.key], max(2.0, self.passed[node.key] * self.scale)
        # The name stands above its box, where no ribbon of another column runs into it.
        anchor, at = "middle", x + NODE / 2
        if node.layer == self.first:
            anchor, at = "start", x
        elif node.layer == self.last:
            anchor, at = "end", x + NODE
        shown = figure(self.passed[node.key] if node.figure is None else node.figure)
        drawn = format_html(
            '<rect class="node {}" x="{}" y="{}" width="{}" height="{}" rx="3"/>'
            '<text class="label" x="{}" y="{}" text-anchor="{}">{} <tspan class="share">{}</tspan></text>',
            self._tone(node.key), f"{x:.1f}", f"{y:.1f}", NODE, f"{tall:.1f}",
            f"{at:.1f}", f"{y - 8:.1f}", anchor, node.name, shown,
        )  # fmt: skip
        return linked(drawn, node.url, format_html("{}: {}", node.name, shown))
