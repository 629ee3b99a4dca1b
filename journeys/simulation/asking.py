"""What a rule was asked with: each of its conditions, whether it held for a customer, and the value behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.models import Customer, Event
from crm.rules import Rule, matches, parse_rule, properties
from crm.rules.schema import Where, within_delta
from journeys.flows.plan import Plan
from journeys.flows.steps import Branch, Split, WaitRule
from journeys.models import Position, StepVisit

Json = dict[str, Any]


def parts_of(rule: Mapping[str, Any], customer: Customer, now: datetime) -> list[Json]:
    """
    The conditions of `rule`: of "all of these" each part, else the rule itself.

    Each is {"rule", "holds", "value"?}: `value` is what the customer has where the rule names one thing.
    """
    return [_part(part, customer, now) for part in _split(rule)]


def holds(rule: Rule, customer: Customer, now: datetime) -> bool:
    return customer.pk in matches(rule, {customer.pk}, now=now)


def decision_of(plan: Plan, visit: StepVisit, customer: Customer, now: datetime) -> Json:
    """
    What decided which way a run went at a branch, a split or a wait for a rule: {"paths": [{"path", "rule", …}]}.

    Paths behind the one that was taken were not asked. What the run itself has changed since is not told as a reason:
    where the customer's record now says otherwise than was decided, only the verdict is given.
    """
    step = plan.steps.get(visit.step)
    if isinstance(step, Split):
        total = sum(path.weight for path in step.paths)
        return {"paths": [{"path": path.name, "percent": round(100 * path.weight / total, 1)} for path in step.paths]}
    if isinstance(step, WaitRule):
        return {"conditions": _asked(step.rule, visit.outcome == "held", customer, now)}
    if not isinstance(step, Branch):
        return {}
    taken, paths = visit.detail.get("path"), []
    for path in step.paths:
        is_taken = path.name == taken
        conditions = _asked(path.if_, is_taken, customer, now)
        paths.append({"path": path.name, "holds": is_taken, "conditions": conditions})
        if is_taken:
            break
    return {"paths": paths}


def _asked(rule: Mapping[str, Any], verdict: bool, customer: Customer, now: datetime) -> list[Json]:
    if holds(parse_rule(dict(rule)), customer, now) == verdict:
        return parts_of(rule, customer, now)
    return [{"rule": dict(rule), "holds": verdict}]


def _split(rule: Mapping[str, Any]) -> Sequence[Json]:
    parts = rule.get("all", [dict(rule)] if rule else [])
    return parts if isinstance(parts, list) else []


def _part(rule: Json, customer: Customer, now: datetime) -> Json:
    told: Json = {"rule": rule, "holds": holds(parse_rule(rule), customer, now)}
    value = _value(rule.get("not", rule), customer, now)
    return told if value is None else {**told, "value": value}


def _value(leaf: Any, customer: Customer, now: datetime) -> Any:
    """What the customer has of what the leaf asks for; None where that is no single thing."""
    test: Any
    kind, test = next(iter(leaf.items())) if isinstance(leaf, dict) and leaf else ("", None)
    if kind == "attribute":
        return _at(customer.attributes, test["name"])
    if kind == "field" and test["name"] not in ("owner", "company"):
        value = getattr(customer, test["name"])
        return None if value in ("", None) else str(value)
    if kind == "tag":
        return sorted(customer.tags.values_list("name", flat=True))
    if kind == "stage":
        stages = Position.objects.filter(customer=customer, journey__slug=test["journey"], stage__isnull=False)
        return stages.values_list("stage__slug", flat=True).first()
    return _count(test, customer, now) if kind == "event" else None


def _count(test: Mapping[str, Any], customer: Customer, now: datetime) -> int:
    """How often the event happened."""
    events = Event.objects.filter(
        properties.condition([Where.model_validate(it) for it in test.get("where", ())]),
        customer=customer, name=test["name"], occurred_at__lte=now,
    )  # fmt: skip
    if test.get("within"):
        events = events.filter(occurred_at__gte=now - within_delta(test["within"]))
    return events.count()


def _at(values: Mapping[str, Any], path: str) -> Any:
    for name in path.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return None
        values = values[name]
    return values if isinstance(values, str | int | float | bool) else None
