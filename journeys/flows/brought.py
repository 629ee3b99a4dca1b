"""What a step may count on from the steps before it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from journeys.flows.definition import Definition, ends
from journeys.flows.steps import AnyStep, Coupon, Wait


def with_coupon(definition: Definition) -> frozenset[str]:
    """The ids of steps to which every way leads through a coupon step."""
    found: set[str] = set()
    _follow(definition.steps, False, found)
    return frozenset(found)


def _follow(steps: Sequence[AnyStep], has: bool, found: set[str]) -> bool:
    """Go through a list that is come to with a coupon or without; is there one for certain behind it?"""
    for step in steps:
        if has:
            found.add(step.id)
        behind = [(_follow(inner, has, found), inner) for _name, inner in step.lists()]
        # Who leaves on the way does not come to what stands behind; most waits are passed straight through.
        ways = [known for known, inner in behind if not any(ends(it) for it in inner)]
        if isinstance(step, Wait):
            ways.append(has)
        has = isinstance(step, Coupon) or (all(ways) if ways else has)
    return has
