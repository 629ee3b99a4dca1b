"""Trials in words: what happened, why it went this way, where it came out otherwise than a test expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.events import types
from crm.models import Channel
from crm.rules import words
from journeys.flows.definition import InvalidDefinition, parse_definition
from journeys.flows.naming import names_here
from journeys.flows.outline import outline
from messaging.channels.reasons import label_of

Titles = Mapping[str, str]
WHATS: dict[str, str | Promise] = {
    "entered": gettext_lazy("entered"),
    "waiting": gettext_lazy("waits"),
    "woken": gettext_lazy("goes on"),
    "timed_out": gettext_lazy("nothing came in time"),
    "sent": gettext_lazy("sent"),
    "held": gettext_lazy("held back for now"),
    "withheld": gettext_lazy("withheld"),
    "moved": gettext_lazy("done"),
    "exited": gettext_lazy("left the flow"),
    "completed": gettext_lazy("came to the end"),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that was asked, in words: whether it held, and what the customer had."""

    text: str
    holds: bool
    value: str = ""


def titles_of(definition: Any) -> dict[str, str]:
    """What the steps of a definition are called, by id; nothing when it cannot be read."""
    try:
        drawn = outline(parse_definition(definition), names_here())
    except InvalidDefinition:
        return {}
    return {card.id: card.title for card in drawn.every_card()}


def conditions(parts: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """What `asking.parts_of` found."""
    return [Condition(words.in_words(part["rule"]), part["holds"], _value(part)) for part in parts]


def _value(part: Mapping[str, Any]) -> str:
    if "value" not in part:
        return ""
    value = part["value"]
    if isinstance(value, list):
        return ", ".join(value) or _("none")
    return str(value)


def line_in_words(line: Mapping[str, Any], titles: Titles) -> str:
    """A line of an expectation: "Mon 9 Mar, 09:00: SMS: Review request – sent"."""
    at = date_format(datetime.fromisoformat(line["at"]), "D j M, H:i")
    said = str(WHATS.get(line["what"], line["what"]))
    if more := _more(line):
        said = f"{said} ({more})"
    step = line["step"]
    return f"{at}: {titles.get(step, step)} – {said}" if step else f"{at}: {said}"


def _more(line: Mapping[str, Any]) -> str:
    of_message = "channel" in line
    said = [reason_in_words(line["reason"], of_message=of_message)] if line.get("reason") else []
    said += [path_in_words(line["path"])] if line.get("path") else []
    said += [str(Channel(line["channel"]).label)] if line.get("channel") in Channel.values else []
    said += [f"“{Truncator(line[name]).chars(60)}”" for name in ("subject", "body") if line.get(name)]
    return ", ".join(said)


def difference_in_words(difference: Mapping[str, Any], titles: Titles) -> str:
    """What came out otherwise, as one sentence."""
    kind = difference["kind"]
    if kind == "broken":
        return str(difference["message"])
    said = {side: line_in_words(difference[side], titles) for side in ("expected", "got") if side in difference}
    if kind == "missing":
        return _("expected, but it did not happen: %(expected)s") % said
    if kind == "extra":
        return _("happened, but was not expected: %(got)s") % said
    return _("expected: %(expected)s; came: %(got)s") % said


def path_in_words(path: str) -> str:
    return _("Everybody else") if path == "else" else path


def reason_in_words(reason: str, *, of_message: bool) -> str:
    """Why a message or a run stopped: our codes in words, an event by its label, an author's own as it is."""
    if of_message:
        return str(label_of(reason))
    translated = _(reason)
    return translated if translated != reason else str(types.get(reason).label)
