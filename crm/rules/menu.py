"""
What the rule builder offers: for each kind of condition its form, and suggestions from what the shop has.

A form is data that static/js/rules.js draws: it never decides what a rule means, and what it has no control for it
shows as JSON and leaves as it is. Apps offer their own leaves beside `crm.rules.conditions.register`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from crm.rules.words import OPERATORS

Text = str | Promise
Pairs = list[tuple[str, Text]]


@dataclass(frozen=True, slots=True)
class Control:
    """
    One key of a leaf's value; `key` is "" when the value is no object.

    Attributes:
        type: "text" · "choice" (one of `list`) · "choices" (several of `list`) · "flag" (yes or no) · "span" (an
            ISO 8601 duration) · "compare" (bounds of a number) · "test" (`op` and `value` beside a name) · "where" (a
            list of tests of an event's properties).
        list: the name of a list of suggestions or choices.
        by: the key whose value chooses among the list's parts, e.g. the stages of a journey.
    """

    key: str
    type: Literal["text", "choice", "choices", "flag", "span", "compare", "test", "where"]
    label: Text = ""
    list: str = ""
    by: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of condition in the builder; `new` is the value it begins with."""

    kind: str
    group: Text
    label: Text
    new: Any
    controls: tuple[Control, ...] = field(default_factory=tuple)


Suggest = Callable[[], Pairs | dict[str, Pairs]]
_offers: dict[str, Offer] = {}
_lists: dict[str, Suggest] = {}
PERSON, ACTION, RECORD, STANDING = (
    gettext_lazy("Who they are"), gettext_lazy("What happened"), gettext_lazy("Orders and service"),
    gettext_lazy("Where they stand"),
)  # fmt: skip
TEXT_OPS = ("eq", "ne", "contains", "exists", "not_exists")
DATE_OPS = ("within", "before", "after", "exists", "not_exists")
VALUE_OPS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "exists", "not_exists")
BOUNDS = ("eq", "ne", "gt", "gte", "lt", "lte")


def offer(*offers: Offer) -> None:
    """Add kinds of condition to the builder, in this order within their group."""
    _offers.update({one.kind: one for one in offers})


def suggests(name: str) -> Callable[[Suggest], Suggest]:
    """Register a function () -> (value, label) pairs, or such pairs by the value of another control."""

    def decorator(function: Suggest) -> Suggest:
        _lists[name] = function
        return function

    return decorator


def menu() -> dict[str, Any]:
    """Everything the builder needs to draw any rule, ready for JSON, in the reader's language."""
    return {
        "offers": [_offer(one) for one in _offers.values()],
        "lists": {name: _plain(function()) for name, function in _lists.items()},
        "operators": {name: str(label) for name, label in OPERATORS.items()},
        "ops": {"text": TEXT_OPS, "date": DATE_OPS, "value": VALUE_OPS, "bounds": BOUNDS},
        "words": {name: str(said) for name, said in WORDS.items()},
    }


def _offer(one: Offer) -> dict[str, Any]:
    controls = [
        {
            "key": control.key, "type": control.type, "label": str(control.label), "list": control.list,
            "by": control.by, "optional": control.optional,
        }
        for control in one.controls
    ]  # fmt: skip
    return {
        "kind": one.kind, "group": str(one.group), "label": str(one.label), "new": one.new, "controls": controls,
    }  # fmt: skip


def _plain(pairs: Pairs | Mapping[str, Pairs]) -> Any:
    if isinstance(pairs, Mapping):
        return {key: _plain(value) for key, value in pairs.items()}
    return [[value, str(label)] for value, label in pairs]


WORDS = {
    "add": gettext_lazy("Add a condition"),
    "all": gettext_lazy("all of these hold"),
    "any": gettext_lazy("one of these holds"),
    "nest": gettext_lazy("Put in a group"),
    "dissolve": gettext_lazy("Dissolve the group"),
    "remove": gettext_lazy("Remove"),
    "not": gettext_lazy("not"),
    "negate": gettext_lazy("Turn round"),
    "groups": gettext_lazy("Groups"),
    "everybody": gettext_lazy("No condition yet: everybody."),
    "nobody": gettext_lazy("No condition yet: nobody."),
    "no_rule": gettext_lazy("No condition."),
    "condition": gettext_lazy("Condition"),
    "group": gettext_lazy("Group"),
    "operator": gettext_lazy("how"),
    "value": gettext_lazy("value"),
    "values": gettext_lazy("values, one a line"),
    "unit": gettext_lazy("unit"),
    "property": gettext_lazy("property"),
    "one_more": gettext_lazy("one more"),
    "json": gettext_lazy("as JSON"),
    "not_json": gettext_lazy("This is not JSON."),
    "yes": gettext_lazy("yes"),
    "no": gettext_lazy("no"),
    "PTM": gettext_lazy("minutes"),
    "PTH": gettext_lazy("hours"),
    "PD": gettext_lazy("days"),
    "PW": gettext_lazy("weeks"),
    "PM": gettext_lazy("months"),
    "PY": gettext_lazy("years"),
}
