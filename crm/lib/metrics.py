"""The socket that `/metrics` reads: each app adds the figures only it knows, as Prometheus takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

# Each figure with the labels that tell it from others of its name.
Figures = Iterable[tuple[Mapping[str, str], float]]
Measure = Callable[[datetime], Figures]

_measures: dict[str, tuple[str, Measure]] = {}


def gauge(name: str, what: str) -> Callable[[Measure], Measure]:
    """
    Register a function (now) -> figures under `name`.

    Args:
        name: in Prometheus' manner, with its unit: "waymark_step_lateness_seconds".
        what: one line of help.
    """

    def decorator(measure: Measure) -> Measure:
        _measures[name] = what, measure
        return measure

    return decorator


def exposition(now: datetime) -> str:
    """All figures in Prometheus' text format, version 0.0.4."""
    lines: list[str] = []
    for name, (what, measure) in sorted(_measures.items()):
        lines += [f"# HELP {name} {what}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels(labels)} {value:g}" for labels, value in measure(now)]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, Any]) -> str:
    told = ",".join(f'{label}="{_escaped(str(value))}"' for label, value in sorted(labels.items()))
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
