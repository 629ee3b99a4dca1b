"""The leaf about segments: a segment's rule as a part of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q

from crm.models import Segment
from crm.rules.compiler import compile_rule
from crm.rules.conditions import Context, register
from crm.rules.leaves_of import leaves_of
from crm.rules.parser import parse_rule
from crm.rules.schema import Fault, InvalidRule, Slug

# Segments of segments of segments …: how many rules one rule may become.
MOST_READ = 50


def _segment(slug: str, context: Context) -> Q:
    """
    Whoever its rule holds for now, not whoever it held for when its members were last counted.

    A segment that is gone is a fault and not an empty one: "not in the segment" must not become everybody.
    """
    if slug in context.inside:
        raise InvalidRule([Fault("segment", _circle([*context.inside, slug]))])
    segment = Segment.objects.filter(slug=slug).first()
    if segment is None:
        raise InvalidRule([Fault("segment", _unknown(slug))])
    if len(context.read) >= MOST_READ:
        raise InvalidRule([Fault("segment", f"needs the rules of more than {MOST_READ} segments")])
    return compile_rule(parse_rule(segment.rule), context.within(slug))


register("segment", Slug, _segment)


def segment_faults(rule: Any, *, of: str = "", path: str = "") -> list[Fault]:
    """
    What is wrong with the segments that a well-formed rule names: not there, or leading back to themselves.

    Args:
        rule: its JSON.
        of: the slug of the segment whose rule it is to be, when it is one's.
        path: where the rule stands in a larger document.
    """
    named = list(segments_named(rule, path))
    rules = _rules_behind({slug for _place, slug in named})
    faults = []
    for place, slug in named:
        if slug == of:
            faults.append(Fault(place, _circle([of, of])))
        elif slug not in rules:
            faults.append(Fault(place, _unknown(slug)))
        elif of and (way := _way(slug, of, rules, set())):
            faults.append(Fault(place, _circle([of, *way])))
    return faults


def segments_named(rule: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, slug) of every segment that a rule names."""
    for place, kind, value in leaves_of(rule, path):
        if kind == "segment" and isinstance(value, str):
            yield place, value


def _rules_behind(slugs: set[str]) -> dict[str, Any]:
    """The rules of these segments and of all that those name, in one query for each level."""
    rules: dict[str, Any] = {}
    while slugs := slugs - rules.keys():
        found = dict(Segment.objects.filter(slug__in=slugs).values_list("slug", "rule"))
        if not found:
            break
        rules |= found
        slugs = {slug for rule in found.values() for _place, slug in segments_named(rule)}
    return rules


def _way(start: str, end: str, rules: Mapping[str, Any], seen: set[str]) -> list[str]:
    """How `start` leads to `end`, both included; empty when it does not. `seen` leads nowhere."""
    if start == end:
        return [end]
    if start not in seen:
        seen.add(start)
        for _place, slug in segments_named(rules.get(start)):
            if way := _way(slug, end, rules, seen):
                return [start, *way]
    return []


def _unknown(slug: str) -> str:
    return f"there is no segment “{slug}”"


def _circle(slugs: list[str]) -> str:
    return f"goes round in a circle: {' → '.join(slugs[slugs.index(slugs[-1]) :])}"
