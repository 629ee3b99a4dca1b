"""Why a message went out, waits or never left: the policy's answer, gate by gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.channels.reasons import Reason, label_of
from messaging.models import FrequencyCap, Message, Suppression

PASSED, STOPPED, NOT_ASKED = "passed", "stopped", "not_asked"
Inputs = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gate:
    """
    One question that the policy asks, in its order.

    `verdict` is "passed", "stopped" (here it ended, or is held) or "not_asked" (an earlier gate had stopped it).
    """

    name: str
    title: str | Promise
    verdict: str
    detail: str


def gates(message: Message) -> list[Gate]:
    """What the policy asked when it last decided on `message`; nothing before it was due for the first time."""
    if not message.decision:
        return []
    inputs = message.decision["inputs"]
    stopped_by = message.decision.get("reason")
    found = []
    is_open = True
    for name, title, reasons, explain in _GATES:
        here = is_open and stopped_by in reasons
        verdict = STOPPED if here else PASSED if is_open else NOT_ASKED
        found.append(Gate(name, title, verdict, explain(inputs, stopped_by if here else "") if is_open else ""))
        is_open = is_open and not here
    return found


def decided_at(message: Message) -> datetime | None:
    """When that was."""
    return datetime.fromisoformat(message.decision["inputs"]["at"]) if message.decision else None


def _who(inputs: Inputs, stopped: str) -> str:
    # What is wrong with a person is not among the inputs: the reason itself says it.
    return str(label_of(stopped)) if stopped else _("on record, with an address")


def _address(inputs: Inputs, stopped: str) -> str:
    if inputs["answer"]:
        return _("not asked: it answers what they have just written")
    scopes = [str(Suppression.Scope(scope).label) for scope in inputs["suppressed"]]
    return _("suppressed for %(what)s") % {"what": ", ".join(scopes)} if scopes else _("nothing stands against it")


def _consent(inputs: Inputs, stopped: str) -> str:
    if inputs["answer"]:
        return _("not asked: it answers what they have just written")
    if inputs["consent"] == "in":
        return _("opted in")
    if inputs["consent"] == "out":
        return _("opted out")
    return _("never asked, and marketing needs a yes") if inputs["marketing"] else _("a service message needs none")


def _complaint(inputs: Inputs, stopped: str) -> str:
    if not inputs["marketing"]:
        return _("holds up promotions only")
    return _("a complaint is open") if inputs["open_complaint"] else _("none is open")


def _caps(inputs: Inputs, stopped: str) -> str:
    if not inputs["marketing"]:
        return _("service messages are not counted")
    said = [
        _("%(sent)s of %(limit)s a %(period)s")
        % {"sent": cap["sent"], "limit": cap["limit"], "period": FrequencyCap.Per(cap["per"]).label}
        for cap in inputs["caps"]
    ]
    return ", ".join(said) or _("the shop sets no limit")


def _quiet_hours(inputs: Inputs, stopped: str) -> str:
    clock = datetime.fromisoformat(inputs["local"])
    told = _("it was %(time)s in %(zone)s") % {"time": f"{clock:%H:%M}", "zone": inputs["zone"].replace("_", " ")}
    quiet = inputs["quiet_hours"]
    if not quiet:
        return _("none for this channel and country; %(told)s") % {"told": told}
    if not stopped and _within(f"{clock:%H:%M}", quiet["from"], quiet["to"]):
        return _("%(from)s to %(to)s, but not for such a message; %(told)s") % {**quiet, "told": told}
    return _("%(from)s to %(to)s; %(told)s") % {**quiet, "told": told}


def _within(clock: str, starts: str, ends: str) -> bool:
    return starts <= clock < ends if starts <= ends else clock >= starts or clock < ends


def _expiry(inputs: Inputs, stopped: str) -> str:
    if not inputs["expires_at"]:
        return _("it does not go stale")
    at = localtime(datetime.fromisoformat(inputs["expires_at"]))
    return _("of no use after %(at)s") % {"at": date_format(at, "j M Y, H:i")}


# In the order of messaging.outbox.policy.decide. Each explains its inputs; `stopped` is the reason if it stopped here.
_GATES: tuple[tuple[str, Promise, frozenset[str], Callable[[Inputs, str], str]], ...] = (
    ("person", gettext_lazy("Person"), frozenset({Reason.ERASED, Reason.MERGED, Reason.UNREACHABLE}), _who),
    ("address", gettext_lazy("Suppressed address"), frozenset({Reason.SUPPRESSED}), _address),
    ("consent", gettext_lazy("Consent"), frozenset({Reason.NO_CONSENT, Reason.OPTED_OUT}), _consent),
    ("complaint", gettext_lazy("Complaint"), frozenset({Reason.COMPLAINT}), _complaint),
    ("frequency", gettext_lazy("Frequency"), frozenset({Reason.CAPPED}), _caps),
    ("quiet_hours", gettext_lazy("Quiet hours"), frozenset({Reason.QUIET_HOURS}), _quiet_hours),
    ("expiry", gettext_lazy("Expiry"), frozenset({Reason.EXPIRED}), _expiry),
)  # fmt: skip
