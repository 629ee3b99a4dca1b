"""
What must come of a script, and where it came out otherwise. Pure.

A line says what happened at which step, when by the customer's clock, and why; with a message also what it said:

    {"at": "2026-03-09T09:00:00", "step": "ask", "what": "sent", "channel": "sms", "body": "Hi Ploy"}

Of `differences`, {"kind": "missing", "expected"} did not happen, {"kind": "extra", "got"} was not expected, and
{"kind": "changed", "expected", "got"} came out otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from journeys.simulation.record import Entry
from journeys.simulation.simulate import Simulation

Line = dict[str, Any]
Difference = dict[str, Any]
# What a line may leave open; "at", "step" and "what" always count.
OPEN = ("reason", "path", "channel", "subject", "body")
TEXTS = ("subject", "body")


def lines_of(simulation: Simulation, zone: ZoneInfo, *, with_texts: bool = True) -> list[Line]:
    """
    What came of it. Where somebody waits is told by when they go on; only the last wait, which nothing ended, counts.

    Args:
        zone: the customer's.
    """
    entries = [entry for entry in simulation.entries if entry.what != "waiting"]
    last = simulation.entries[-1:] if simulation.state == "active" else []
    return [_line(entry, zone, with_texts) for entry in [*entries, *(it for it in last if it.what == "waiting")]]


def _line(entry: Entry, zone: ZoneInfo, with_texts: bool) -> Line:
    line: Line = {
        "at": entry.at.astimezone(zone).replace(tzinfo=None, microsecond=0).isoformat(),
        "step": entry.step, "what": entry.what,
    }  # fmt: skip
    line |= {name: entry.detail[name] for name in ("reason", "path") if entry.detail.get(name)}
    if entry.message:
        line["channel"] = entry.message.channel
        if with_texts:
            line |= {name: text for name in TEXTS if (text := getattr(entry.message, name))}
    return line


def without_texts(lines: Sequence[Line]) -> list[Line]:
    """The same expectations, whatever the messages say."""
    return [{name: value for name, value in line.items() if name not in TEXTS} for line in lines]


def has_texts(lines: Sequence[Line]) -> bool:
    return any(name in line for line in lines for name in TEXTS)


def differences(expected: Sequence[Line], got: Sequence[Line]) -> list[Difference]:
    """In the order of time; nothing when all came out as expected. What an expectation leaves open is not compared."""
    matcher = SequenceMatcher(None, [_key(line) for line in expected], [_key(line) for line in got], autojunk=False)
    found: list[Difference] = []
    for kind, first, end, first_got, end_got in matcher.get_opcodes():
        wanted, came = expected[first:end], got[first_got:end_got]
        if kind == "equal":
            found += [_changed(one, other) for one, other in zip(wanted, came, strict=True) if not _meets(other, one)]
        else:
            found += _replaced(wanted, came)
    return found


def _replaced(expected: Sequence[Line], got: Sequence[Line]) -> Iterator[Difference]:
    """What stands in one another's place is one difference when it is the same step's."""
    for one, other in zip_longest(expected, got):
        if one and other and one["step"] == other["step"]:
            yield _changed(one, other)
            continue
        if one:
            yield {"kind": "missing", "expected": one}
        if other:
            yield {"kind": "extra", "got": other}


def _changed(expected: Line, got: Line) -> Difference:
    return {"kind": "changed", "expected": expected, "got": got}


def _key(line: Mapping[str, Any]) -> tuple[Any, Any]:
    return line["step"], line["what"]


def _meets(got: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return got["at"] == expected["at"] and all(
        got.get(name) == expected[name] for name in OPEN if name in expected
    )  # fmt: skip
