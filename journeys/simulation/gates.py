"""The gates at a flow's entrance in plain words: what was asked, of what, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from crm.lib.spans import span_in_words
from crm.rules import words
from journeys.flows.holdout import CONTROL
from journeys.models import Enrolment, Flow
from journeys.simulation.why import NOT_ASKED, PASSED, TITLES, Gate
from journeys.simulation.words import Condition, conditions, reason_in_words


@dataclass(frozen=True, slots=True)
class GateInWords:
    """One gate. `verdict` is "passed", "stopped" or "not_asked"; `detail` says what the answer rests on."""

    name: str
    title: str | Promise
    verdict: str
    detail: str
    conditions: Sequence[Condition] = ()


def in_words(gates: Sequence[Gate]) -> list[GateInWords]:
    return [_told(gate.name, gate.verdict, gate.inputs) for gate in gates]


def from_json(gates: Mapping[str, Mapping[str, Any]]) -> list[GateInWords]:
    """Gates as a simulation tells them: {name: {"verdict", …inputs}}."""
    return [_told(name, inputs["verdict"], inputs) for name, inputs in gates.items()]


def _told(name: str, verdict: str, inputs: Mapping[str, Any]) -> GateInWords:
    if verdict == NOT_ASKED:
        return GateInWords(name, TITLES[name], verdict, "")
    asked = conditions(inputs.get("rules", ())) if name == "audience" else []
    return GateInWords(name, TITLES[name], verdict, _DETAILS[name](inputs, verdict == PASSED), asked)


def _flow(inputs: Mapping[str, Any], is_open: bool) -> str:
    return _("it is %(state)s") % {"state": Flow.State(inputs["state"]).label}


def _person(inputs: Mapping[str, Any], is_open: bool) -> str:
    if inputs["erased"]:
        return _("their data was erased")
    return _("the record was merged into another") if inputs["merged"] else _("the record is there")


def _trigger(inputs: Mapping[str, Any], is_open: bool) -> str:
    if inputs.get("by_hand"):
        return _("asked as if started by hand")
    wanted = words.event_in_words(inputs["event"], inputs["where"])
    if not inputs["occurred_at"]:
        return _("waits for: %(event)s; there was none") % {"event": wanted}
    at = date_format(localtime(datetime.fromisoformat(inputs["occurred_at"])), "j M Y, H:i")
    if inputs["too_late"]:
        return _("%(event)s on %(at)s, but we learnt of it more than three days later") % {"event": wanted, "at": at}
    if is_open:
        return _("%(event)s on %(at)s") % {"event": wanted, "at": at}
    had = ", ".join(f"{test['property']} = {_property(inputs['properties'], test)}" for test in inputs["where"])
    return _("waits for: %(event)s; the last one, on %(at)s, had %(had)s") % {"event": wanted, "at": at, "had": had}


def _property(properties: Mapping[str, Any], test: Mapping[str, Any]) -> str:
    value = properties.get(test["property"])
    return _("nothing") if value is None else str(value)


def _audience(inputs: Mapping[str, Any], is_open: bool) -> str:
    return "" if inputs["rules"] else _("everybody")


def _reentry(inputs: Mapping[str, Any], is_open: bool) -> str:
    said = {
        "once": _("never a second time"),
        "after_exit": _("when no run is under way"),
        "always": _("every time"),
        "cooldown": _("%(span)s after the last entry at the earliest")
        % {"span": span_in_words(inputs.get("cooldown") or "PT0S")},
    }[inputs["policy"]]
    last = inputs.get("last")
    if not last:
        return _("%(policy)s; they were never in it") % {"policy": said}
    at = date_format(localtime(datetime.fromisoformat(last["entered_at"])), "j M Y, H:i")
    state = Enrolment.State(last["state"]).label
    told = _("%(policy)s; last entered %(at)s, that run: %(state)s") % {"policy": said, "at": at, "state": state}
    return f"{told} ({last['key']})" if last["key"] else told


def _holdout(inputs: Mapping[str, Any], is_open: bool) -> str:
    if inputs.get("reason") == CONTROL:
        return _("they are in the control group, which no flow writes to")
    if not inputs["percent"]:
        return _("nobody is held out of this flow")
    if is_open:
        return _("%(n)s%% are only watched, and they are not among them") % {"n": inputs["percent"]}
    return _("%(n)s%% are only watched, and they are among them") % {"n": inputs["percent"]}


def _exits(inputs: Mapping[str, Any], is_open: bool) -> str:
    return "" if is_open else reason_in_words(inputs["reason"], of_message=False)


_DETAILS: Mapping[str, Callable[[Mapping[str, Any], bool], str]] = {
    "flow": _flow, "person": _person, "trigger": _trigger, "audience": _audience, "reentry": _reentry,
    "holdout": _holdout, "exits": _exits,
}  # fmt: skip
