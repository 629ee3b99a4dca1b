"""A simulation as people read it: what happened when, on whose clock, and what decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from crm.rules import words
from journeys.simulation import gates
from journeys.simulation.gates import GateInWords
from journeys.simulation.record import Entry, Shown
from journeys.simulation.simulate import Simulation
from journeys.simulation.words import WHATS, Condition, Titles, conditions, path_in_words, reason_in_words
from messaging.models import Message
from messaging.selectors import decision

ICONS = {
    "entered": "bolt", "waiting": "clock", "woken": "check", "timed_out": "clock", "sent": "send", "held": "pause",
    "withheld": "cross", "moved": "check", "exited": "leave", "completed": "flag",
}  # fmt: skip
TONES = {"sent": "good", "held": "warn", "withheld": "bad", "completed": "good", "exited": "warn"}


@dataclass(frozen=True, slots=True)
class Way:
    """A path that a step might have taken: whether it did, and the conditions that decided."""

    name: str
    is_taken: bool
    conditions: Sequence[Condition] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """
    One line.

    Attributes:
        instant: when, aware.
        at: the same on the customer's clock; `shop_at` on the shop's, None where both show the same. Wall times: a page
            shows what has a zone on the shop's clock.
        gates: of a message what the policy asked, of a refusal what stands at the entrance.
        outcome: how a step went, a word of journeys.flows.steps; the pages have the words for it.
    """

    instant: datetime
    at: datetime
    shop_at: datetime | None
    what: str
    icon: str
    tone: str
    said: str | Promise
    title: str = ""
    step: str = ""
    outcome: str = ""
    lines: Sequence[str] = ()
    ways: Sequence[Way] = ()
    conditions: Sequence[Condition] = ()
    message: Shown | None = None
    gates: Sequence[decision.Gate | GateInWords] = field(default=())


def timeline(simulation: Simulation, titles: Titles, *, zone: ZoneInfo, shop_zone: ZoneInfo) -> list[Moment]:
    """Every entry of `simulation` in words; `zone` is the customer's."""
    return [_moment(entry, titles, zone, shop_zone) for entry in simulation.entries]


def _moment(entry: Entry, titles: Titles, zone: ZoneInfo, shop_zone: ZoneInfo) -> Moment:
    at, there = entry.at.astimezone(zone), entry.at.astimezone(shop_zone)
    return Moment(
        instant=entry.at,
        at=at.replace(tzinfo=None),
        shop_at=None if at.utcoffset() == there.utcoffset() else there.replace(tzinfo=None),
        what=entry.what,
        icon=ICONS[entry.what],
        tone=TONES.get(entry.what, ""),
        said=WHATS[entry.what],
        title=titles.get(entry.step, entry.step) if entry.step else "",
        step=entry.step or "",
        outcome=entry.detail.get("outcome", "") if entry.what == "moved" else "",
        lines=_lines(entry, zone),
        ways=_ways(entry.detail),
        conditions=conditions(entry.detail.get("conditions", ())),
        message=entry.message,
        gates=_gates(entry),
    )


def _lines(entry: Entry, zone: ZoneInfo) -> list[str]:
    detail, said = entry.detail, []
    if detail.get("key"):
        said.append(_("a run of its own for %(key)s") % {"key": detail["key"]})
    if entry.what == "waiting" and detail.get("until"):
        until = date_format(datetime.fromisoformat(detail["until"]).astimezone(zone), "D j M, H:i")
        if detail.get("event"):
            event = words.event_in_words(detail["event"])
            said.append(_("for: %(event)s, until %(at)s at most") % {"event": event, "at": until})
        else:
            said.append(_("until %(at)s") % {"at": until})
    if entry.what == "held":
        until = date_format(datetime.fromisoformat(detail["until"]).astimezone(zone), "D j M, H:i")
        said.append(_("asked again %(at)s") % {"at": until})
    if detail.get("reason") and "gates" not in detail:
        said.append(reason_in_words(detail["reason"], of_message=entry.message is not None))
    if detail.get("path") and not detail.get("paths"):
        said.append(path_in_words(detail["path"]))
    return said + [str(detail[name]) for name in ("said", "error") if detail.get(name)]


def _ways(detail: Mapping[str, Any]) -> list[Way]:
    """Those that were asked, and the one that was taken."""
    taken = detail.get("path")
    ways = [
        Way(_named(path), path["path"] == taken, conditions(path.get("conditions", ())))
        for path in detail.get("paths", ())
    ]
    return [*ways, Way(path_in_words("else"), is_taken=True)] if ways and taken == "else" else ways


def _named(path: Mapping[str, Any]) -> str:
    return f"{path['path']} ({path['percent']}%)" if "percent" in path else str(path["path"])


def _gates(entry: Entry) -> list[Any]:
    """What the policy asked about a message; what stands at the entrance of somebody who was not taken in."""
    if "gates" in entry.detail:
        return gates.from_json(entry.detail["gates"])
    if entry.message and "inputs" in entry.detail:
        answer = {"inputs": entry.detail["inputs"], "reason": entry.detail.get("reason")}
        return decision.gates(Message(decision=answer))
    return []
