"""
Rules in words: what a member of staff reads instead of the JSON.

Apps say how their own leaves read with `says`. A leaf nobody has words for is shown as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.events import types
from crm.lib.spans import span_in_words
from crm.models import Channel, Review, Segment, Ticket, Topic

Say = Callable[[Any], str]
_sayings: dict[str, Say] = {}
# What rules mention by slug, as shops call it: {("topic", "promotions"): "Promotions"}.
_names: ContextVar[Mapping[tuple[str, str], str] | None] = ContextVar("names_in_rules", default=None)
OPERATORS = {
    "eq": gettext_lazy("is"),
    "ne": gettext_lazy("is not"),
    "gt": gettext_lazy("more than"),
    "gte": gettext_lazy("at least"),
    "lt": gettext_lazy("less than"),
    "lte": gettext_lazy("at most"),
    "in": gettext_lazy("is one of"),
    "not_in": gettext_lazy("is none of"),
    "contains": gettext_lazy("contains"),
    "exists": gettext_lazy("is known"),
    "not_exists": gettext_lazy("is not known"),
    "before": gettext_lazy("before"),
    "after": gettext_lazy("after"),
    "within": gettext_lazy("within the last"),
}


def says(kind: str) -> Callable[[Say], Say]:
    """Register a function (the leaf's JSON value) -> words."""

    def decorator(function: Say) -> Say:
        _sayings[kind] = function
        return function

    return decorator


def in_words(rule: Mapping[str, Any]) -> str:
    """
    A rule of the grammar as one sentence; "everybody" for the empty one.

    Segments and topics are told by their names, read with a query for each kind that the rule mentions; for many rules
    see `naming`.
    """
    if not rule or rule == {"all": []}:
        return _("everybody")
    with naming([rule]):
        return _in_words(rule)


@contextmanager
def naming(rules: Iterable[Any]) -> Iterator[None]:
    """Inside, `in_words` has the names of all that `rules` mention: a query for each kind, and none where none do."""
    if _names.get() is not None:
        yield
        return
    mentioned = {pair for rule in rules for pair in _mentioned(rule)}
    segments = [slug for kind, slug in mentioned if kind == "segment"]
    topics = [slug for kind, slug in mentioned if kind == "topic"]
    found: dict[tuple[str, str], str] = {}
    if segments:
        for slug, name in Segment.objects.filter(slug__in=segments).values_list("slug", "name"):
            found["segment", slug] = name
    if topics:
        for slug, name in Topic.objects.filter(slug__in=topics).values_list("slug", "name"):
            found["topic", slug] = _(name)
    token = _names.set(found)
    try:
        yield
    finally:
        _names.reset(token)


def name_of(kind: str, slug: str) -> str:
    """What the shop calls the "segment" or "topic" of that slug; the slug itself where there is none."""
    return (_names.get() or {}).get((kind, slug), slug)


def _mentioned(part: Any) -> Iterator[tuple[str, str]]:
    """The segments and topics that a rule names anywhere in it."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in ("segment", "topic") and isinstance(value, str):
                yield name, value
            else:
                yield from _mentioned(value)
    elif isinstance(part, list | tuple):
        for item in part:
            yield from _mentioned(item)


def _in_words(rule: Mapping[str, Any]) -> str:
    if not rule or rule == {"all": []}:
        return _("everybody")
    kind, value = next(iter(rule.items()))
    if kind == "all":
        return _(" and ").join(_bracketed(item) for item in value)
    if kind == "any":
        return _(" or ").join(_bracketed(item) for item in value)
    if kind == "not":
        return _("not: %(rule)s") % {"rule": _bracketed(value)}
    say = _sayings.get(kind)
    return say(value) if say else orjson.dumps(rule).decode()


def where_in_words(where: Sequence[Mapping[str, Any]]) -> str:
    """Tests of an event's properties: "rating at least 4, site is one of google, line"."""
    return ", ".join(_test(test["property"], test["op"], test.get("value")) for test in where)


def event_in_words(name: str, where: Sequence[Mapping[str, Any]] = ()) -> str:
    """An event by its label, with what its properties must be."""
    label = str(types.get(name).label)
    return f"{label} ({where_in_words(where)})" if where else label


def compare_in_words(bounds: Mapping[str, Any]) -> str:
    """{"gte": 2, "lt": 5} → "at least 2 and less than 5"."""
    return _(" and ").join(f"{OPERATORS[name]} {bound}" for name, bound in bounds.items())


def how_often(said: str, test: Mapping[str, Any]) -> str:
    """What happened, with its `count` and its `within`: "Ordered, at least 2 times in the last 90 days"."""
    if test.get("count"):
        said = _("%(event)s, %(count)s times") % {"event": said, "count": compare_in_words(test["count"])}
    return _within(said, test)


def _bracketed(rule: Mapping[str, Any]) -> str:
    several = next(iter(rule), "") in {"all", "any"} and len(next(iter(rule.values()))) > 1
    return f"({_in_words(rule)})" if several else _in_words(rule)


def _test(name: str, op: str, value: Any) -> str:
    said = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return f"{name} {OPERATORS[op]} {said}".rstrip()


@says("field")
@says("attribute")
def _field(test: Mapping[str, Any]) -> str:
    value = test.get("value")
    return _test(test["name"], test["op"], span_in_words(value) if test["op"] == "within" and value else value)


@says("tag")
def _tag(name: str) -> str:
    return _("tagged “%(tag)s”") % {"tag": name}


@says("segment")
def _segment(slug: str) -> str:
    return _("in the segment %(segment)s") % {"segment": name_of("segment", slug)}


@says("event")
def _event(test: Mapping[str, Any]) -> str:
    return how_often(event_in_words(test["name"], test.get("where", ())), test)


@says("purchases")
def _purchases(test: Mapping[str, Any]) -> str:
    sayings = {
        "count": _("orders: %(bounds)s"),
        "total": _("orders worth %(bounds)s in all"),
        "average": _("orders worth %(bounds)s on average"),
    }
    parts = [said % {"bounds": compare_in_words(test[key])} for key, said in sayings.items() if test.get(key)]
    if test.get("last_within"):
        parts.append(_("the last order is at most %(span)s old") % {"span": span_in_words(test["last_within"])})
    if test.get("last_before"):
        parts.append(_("no order in the last %(span)s") % {"span": span_in_words(test["last_before"])})
    if test.get("late") is not None:
        parts.append(_("of orders that are late") if test["late"] else _("of orders that are not late"))
    parts += [
        f"{label}: {test[key]}"
        for key, label in (("product", _("product")), ("category", _("category")))
        if test.get(key)
    ]
    return _within(", ".join(parts) or _("has ordered"), test)


@says("ticket")
def _ticket(test: Mapping[str, Any]) -> str:
    kinds = {Ticket.Kind.ENQUIRY: _("enquiry"), Ticket.Kind.AFTER_SALES: _("after-sales ticket")}
    kind = _("complaint") if test.get("complaint") else kinds.get(test.get("kind", ""), _("ticket"))
    if test.get("status"):
        status = ", ".join(str(dict(Ticket.Status.choices)[status]) for status in test["status"])
        said = _("has a %(kind)s that is %(status)s") % {"kind": kind, "status": status}
    else:
        said = _("has no open %(kind)s") if test.get("open") is False else _("has an open %(kind)s")
        said %= {"kind": kind}
    if not test.get("within"):
        return said
    return _("%(what)s, opened in the last %(span)s") % {"what": said, "span": span_in_words(test["within"])}


_REVIEW = (("site", Review.Site.choices), ("status", Review.Status.choices))


@says("review")
def _review(test: Mapping[str, Any]) -> str:
    said = _("has written a review")
    if test.get("rating"):
        said = _("has written a review, stars: %(bounds)s") % {"bounds": compare_in_words(test["rating"])}
    said = ", ".join([said, *(str(dict(choices)[test[name]]) for name, choices in _REVIEW if test.get(name))])
    return _within(said, test)


@says("consent")
def _consent(test: Mapping[str, Any]) -> str:
    names = {
        "channel": dict(Channel.choices).get(test["channel"], test["channel"]),
        "topic": name_of("topic", test["topic"]),
    }
    return {
        "in": _("said yes to %(topic)s by %(channel)s"),
        "out": _("said no to %(topic)s by %(channel)s"),
        "none": _("was never asked about %(topic)s by %(channel)s"),
    }[test.get("state", "in")] % names


def _within(said: str, test: Mapping[str, Any]) -> str:
    if not test.get("within"):
        return said
    return _("%(what)s in the last %(span)s") % {"what": said, "span": span_in_words(test["within"])}
