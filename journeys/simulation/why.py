"""Why somebody is in a flow or not, and why a message went out or not: every gate, with what it was asked with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Customer, Event
from journeys.facts import Fact
from journeys.flows import enrolment
from journeys.flows.enrolment import STALE, Entry
from journeys.flows.plan import Plan
from journeys.flows.plans import plan_of
from journeys.models import Enrolment, Flow, FlowVersion
from journeys.simulation.asking import holds, parts_of
from journeys.simulation.unwritten import unwritten
from messaging.models import Message
from messaging.outbox import policy
from messaging.outbox.facts import Rules, customer_facts, message_facts
from messaging.selectors import decision

PASSED, STOPPED, NOT_ASKED = decision.PASSED, decision.STOPPED, decision.NOT_ASKED
# How far back a flow's own event is looked for among the customer's.
MOST_EVENTS = 50
MOST_RUNS = 5
# In the order they are asked.
TITLES: Mapping[str, str | Promise] = {
    "flow": _("Flow is live"),
    "person": _("On record"),
    "trigger": _("Something started it"),
    "audience": _("In the audience"),
    "reentry": _("May enter again"),
    "holdout": _("Not held out"),
    "exits": _("Nothing ends it at once"),
}
_BEHIND = ("reentry", "holdout", "exits")


@dataclass(frozen=True, slots=True)
class Gate:
    """
    One thing that must hold for a customer to enter.

    Attributes:
        verdict: "passed", "stopped", or "not_asked" because an earlier gate leaves nothing to ask.
        inputs: JSON; what the answer rests on.
    """

    name: str
    verdict: str
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str | Promise:
        return TITLES[self.name]


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """Would the customer enter now, gate by gate; and their runs so far, the latest first."""

    flow: Flow
    gates: Sequence[Gate]
    runs: Sequence[Enrolment]

    @property
    def may_enter(self) -> bool:
        return all(gate.verdict == PASSED for gate in self.gates)

    @property
    def stopped_by(self) -> Gate | None:
        return next((gate for gate in self.gates if gate.verdict == STOPPED), None)


@dataclass(frozen=True, slots=True)
class MessageAnswer:
    """The policy's gates for a message: as decided, or as they stand now for one that waits (`is_forecast`)."""

    message: Message
    gates: Sequence[decision.Gate]
    inputs: Mapping[str, Any]
    is_forecast: bool


def why_flow(flow: Flow, customer: Customer, *, now: datetime) -> FlowAnswer:
    """
    What stands between `customer` and `flow`. For one that is not live yet, nothing but that can be said.

    The last event of theirs that would start it is held up to it; flows that nobody starts are asked as if by hand.
    """
    rows = Enrolment.objects.filter(flow=flow, customer=customer).select_related("flow", "version", "customer")
    runs = list(rows.order_by("-entered_at", "-pk")[:MOST_RUNS])
    version = flow.live_version
    live = Gate("flow", PASSED if flow.state == Flow.State.LIVE else STOPPED, {"state": str(flow.state)})
    if version is None:
        return FlowAnswer(flow, [live], runs)
    plan = plan_of(version)
    event = _starting_event(plan, customer) if plan.trigger else None
    return FlowAnswer(flow, [live, *entry_gates(version, customer, event, now=now)], runs)


def why_message(message: Message, *, now: datetime) -> MessageAnswer:
    """What the policy asked about `message`; of one that it has not decided on, what it would say at `now`."""
    is_forecast = not message.decision and message.state == Message.State.QUEUED
    if is_forecast:
        rules = Rules.current()
        facts = customer_facts([message], {message.customer_id: message.customer}, rules, now)[0]
        message.decision = policy.as_json(policy.decide(message_facts(message), facts, rules.policy, now))
    inputs = message.decision["inputs"] if message.decision else {}
    return MessageAnswer(message, decision.gates(message), inputs, is_forecast)


def entry_gates(version: FlowVersion, customer: Customer, event: Event | None, *, now: datetime) -> list[Gate]:
    """
    Every gate at the entrance of `version`, for an entry on `event`, or by hand.

    Re-entry and holdout are found out by letting the customer in and taking it back: no rule is told here twice.
    """
    plan = plan_of(version)
    gates = [_person(customer), _trigger(plan, event), _audience(plan, customer, now)]
    if any(gate.verdict == STOPPED for gate in gates):
        return [*gates, *(Gate(name, NOT_ASKED) for name in _BEHIND)]
    fact = Fact.of(event) if event else None
    at = min(event.occurred_at, now) if event else now
    last = Enrolment.objects.filter(flow=version.flow_id, customer=customer).order_by("-entered_at", "-pk").first()
    entry = Entry(version, customer.pk, at, fact, token=f"why:{now.isoformat()}")
    with unwritten():
        run = next(iter(enrolment.enrol_many([entry], now=now)), None)
    return [*gates, *_behind(plan, run, last)]


def _behind(plan: Plan, run: Enrolment | None, last: Enrolment | None) -> Iterator[Gate]:
    reentry = plan.definition.reentry
    inputs = {
        **reentry.model_dump(mode="json", exclude_none=True),
        "last": last and {"entered_at": last.entered_at.isoformat(), "state": last.state, "key": last.key},
    }
    held_out = run is not None and run.state == Enrolment.State.HELD_OUT
    ended = run is not None and run.state == Enrolment.State.EXITED
    found: tuple[tuple[bool, dict[str, Any]], ...] = (
        (run is not None, inputs),
        (not held_out, {"percent": plan.definition.holdout, "reason": run.reason if run and held_out else ""}),
        (not ended, {"reason": run.reason if run and ended else ""}),
    )
    is_open = True
    for name, (is_passed, asked) in zip(_BEHIND, found, strict=True):
        yield Gate(name, (PASSED if is_passed else STOPPED) if is_open else NOT_ASKED, asked if is_open else {})
        is_open = is_open and is_passed


def _person(customer: Customer) -> Gate:
    inputs = {"merged": customer.merged_into_id is not None, "erased": customer.erased_at is not None}
    return Gate("person", STOPPED if any(inputs.values()) else PASSED, inputs)


def _trigger(plan: Plan, event: Event | None) -> Gate:
    if not plan.trigger:
        return Gate("trigger", PASSED, {"by_hand": True})
    inputs: dict[str, Any] = {
        "event": plan.trigger, "where": [test.model_dump(mode="json", exclude_none=True) for test in plan.trigger_where]
    }  # fmt: skip
    if event is None:
        return Gate("trigger", STOPPED, {**inputs, "occurred_at": None})
    late = event.received_at - event.occurred_at > STALE
    inputs |= {"occurred_at": event.occurred_at.isoformat(), "properties": event.properties, "too_late": late}
    return Gate("trigger", PASSED if plan.starts_on(Fact.of(event)) and not late else STOPPED, inputs)


def _audience(plan: Plan, customer: Customer, now: datetime) -> Gate:
    """The audience as a whole, and of "all of these" each part."""
    parts = parts_of(plan.definition.audience, customer, now)
    is_in = holds(plan.audience, customer, now)
    return Gate("audience", PASSED if is_in else STOPPED, {"rules": parts})


def _starting_event(plan: Plan, customer: Customer) -> Event | None:
    """The latest event that starts the flow; of those with its name that do not, the latest to show; None of none."""
    events = Event.objects.filter(customer=customer, name=plan.trigger).order_by("-occurred_at", "-pk")[:MOST_EVENTS]
    found = list(events)
    return next((event for event in found if plan.starts_on(Fact.of(event))), found[0] if found else None)
