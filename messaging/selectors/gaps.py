"""What a template asks of customers that many of them do not have, before it is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from crm.models import Customer, Shop, User
from messaging.models import Message
from messaging.rendering.freezing import Pieces
from messaging.rendering.letters import context_for
from messaging.rendering.preview import Draft, source_of, templates_of
from messaging.texts import variables
from messaging.texts.liquid import RenderFailed, Template

SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """
    A variable that some of the sample lack, where the text neither asks for it with `if` nor gives it a default.

    `lacking` of `sampled` customers have nothing there: to them the message would fail, or have a hole in it.
    """

    name: str
    lacking: int
    sampled: int


class _Stand(dict[str, Any]):
    """Data that has whatever is asked of it: what a flow would bring."""

    def __missing__(self, name: str) -> _Stand:
        return _Stand()

    def __str__(self) -> str:
        return "…"


def gaps_in(drafts: Mapping[str, Draft], *, user: User, shop: Shop, pieces: Pieces) -> list[Gap]:
    """
    What the texts, by language and all of them valid, ask of the customers who were last heard of and do not get.

    Two queries. Only what belongs to customers is counted: what an event or an order brings, its flow answers for.
    """
    templates = [
        template
        for language, draft in drafts.items()
        for template in templates_of(source_of(draft, language, pieces))
        if any(path[0] == "customer" for path in template.paths)
    ]
    if not templates:
        return []
    people = list(
        Customer.objects.visible_to(user).known().order_by(F("last_seen_at").desc(nulls_last=True), "-pk")[:SAMPLE]
    )
    lacking: Counter[str] = Counter()
    for customer in people:
        lacking.update(_lacked(templates, _data(customer, shop)))
    return [Gap(name, number, len(people)) for name, number in lacking.most_common()]


def _data(customer: Customer, shop: Shop) -> dict[str, Any]:
    """What a template sees of `customer`, less what is empty."""
    data = context_for(Message(), customer, shop)
    own = data["customer"]
    names = {name: own[name] for name in variables.FIXED["customer"]}
    names["attributes"] = {name: value for name, value in customer.attributes.items() if value not in (None, "")}
    known = {name: value for name, value in names.items() if value not in (None, "")}
    return data | {root: _Stand() for root in variables.OPEN} | {"links": _Stand(), "customer": known}


def _lacked(templates: Sequence[Template], data: dict[str, Any]) -> set[str]:
    """The variables without which one of the texts cannot be filled in, all others being there."""
    found: set[str] = set()
    for template in templates:
        missing = [name for name in template.missing(data) if name.startswith("customer.")]
        found |= {
            name for name in missing if _fails(template, _with(data, (other for other in missing if other != name)))
        }
    return found


def _with(data: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """`data` with something for each of `names`."""
    filled = deepcopy({"customer": data["customer"]})
    for name in names:
        *path, last = name.split(".")
        place: Any = filled
        for part in path:
            place = place.setdefault(part, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = "…"
    return {**data, **filled}


def _fails(template: Template, data: Mapping[str, Any]) -> bool:
    try:
        template.render(data)
    except RenderFailed:
        return True
    return False
