"""Stage rules through their form: whatever a rule says comes back as it was, unless somebody changes it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from journeys.forms.rules import RuleEditor
from journeys.models import Stage, StageRule
from journeys.stages import rulebook


class Browser(HTMLParser):
    """What a browser sends of a page's first form when nobody has touched it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        name, value = said.get("name") or "", said.get("value") or ""
        if tag == "input" and name and (said.get("type") not in ("checkbox", "radio") or "checked" in said):
            self.sent[name] = value or ("on" if said.get("type") == "checkbox" else "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in said or self._select not in self.sent):
            self.sent[self._select] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None


def through_the_form(rule: StageRule, **changed: str) -> RuleEditor:
    """The rule shown in the form and sent back."""
    journey = rule.stage.journey
    page = render_to_string(
        "journeys/rule_edit.html#rule",
        {"editor": RuleEditor(rule, journey), "rule": rule, "journey": journey, "event_names": []},
    )
    sent = QueryDict(mutable=True)
    sent.update({**Browser(page).sent, **changed})
    return RuleEditor(rule, journey, sent)


def rule_of(**columns: Any) -> StageRule:
    stage = Stage.objects.select_related("journey").get(journey__slug="five-stage", slug="advocacy")
    return StageRule(stage=stage, name="A rule", **columns)


@pytest.mark.django_db
def test_every_rule_there_is_comes_back_unchanged() -> None:
    for rule in StageRule.objects.select_related("stage__journey"):
        before = (rule.events, rule.where, rule.history, rule.priority, rule.is_active, rule.name_th)
        editor = through_the_form(rule)
        assert editor.is_valid(), (rule.name, editor.faults)
        assert (rule.events, rule.where, rule.history, rule.priority, rule.is_active, rule.name_th) == before


# --- any rule there could be --------------------------------------------------------------------

SIGNS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))
NAMES = st.text(SIGNS, min_size=1, max_size=12)
PATHS = st.lists(st.text(SIGNS.filter(lambda sign: sign != "."), min_size=1, max_size=6), min_size=1, max_size=2).map(
    ".".join
)
TEXTS = st.one_of(
    st.text(SIGNS, max_size=12), st.sampled_from(["5", "true", "null", '"', "[1]", "a, b", " x ", "-0", "1e5"])
)
SCALARS = st.one_of(
    TEXTS, st.booleans(), st.integers(-(10**12), 10**12),
    st.decimals(-1000, 1000, places=3).map(float), st.integers(-5, 5).map(float),
)  # fmt: skip
SPANS = st.one_of(
    st.builds("P{}{}".format, st.integers(1, 400), st.sampled_from("DWM")),
    st.builds("PT{}{}".format, st.integers(1, 400), st.sampled_from("HMS")),
    st.sampled_from(["P1DT12H", "P0D", "PT0S", "P01D", "P1Y2M", "PT90M30S"]),
)


@st.composite
def a_test(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(["eq", "ne", "gt", "lte", "in", "not_in", "contains", "exists", "not_exists"]))
    test: dict[str, Any] = {"property": draw(PATHS), "op": op}
    if op in ("exists", "not_exists"):
        return test | draw(st.sampled_from([{}, {"value": None}]))
    if op in ("in", "not_in"):
        return {**test, "value": draw(st.lists(SCALARS, min_size=1, max_size=4))}
    value = draw(SCALARS.filter(lambda value: not isinstance(value, bool)) if op in ("gt", "lte") else SCALARS)
    return {**test, "value": value}


WHERE = st.lists(a_test(), max_size=3)
EARLIER = st.fixed_dictionaries(
    {},
    optional={
        "event": NAMES, "where": WHERE, "at_least": st.integers(1, 1000), "within": SPANS, "ago": SPANS,
        "distinct": NAMES, "other": NAMES,
    },
)  # fmt: skip


def is_readable(rule: StageRule) -> bool:
    try:
        rulebook.read(rule, 0)
    except Exception:
        return False
    return True


class TestAnyRule(TestCase):
    @given(events=st.lists(NAMES, min_size=1, max_size=4), where=WHERE, history=st.lists(EARLIER, max_size=3))
    @settings(max_examples=60, deadline=None)
    def test_whatever_a_rule_says_comes_back_as_it_was(self, events: Any, where: Any, history: Any) -> None:
        rule = rule_of(events=events, where=where, history=history)
        if not is_readable(rule):
            return
        editor = through_the_form(rule)
        assert editor.is_valid(), (editor.faults, editor.form.errors, [line.errors for line in editor.history.forms])
        assert (rule.events, rule.where, rule.history) == (events, where, history)

    @given(where=WHERE, history=st.lists(EARLIER, min_size=1, max_size=2))
    @settings(max_examples=60, deadline=None)
    def test_what_is_changed_changes_nothing_beside_it(self, where: Any, history: Any) -> None:
        rule = rule_of(events=["Song Shared"], where=where, history=history)
        if not is_readable(rule):
            return
        editor = through_the_form(rule, **{"event-0-event": "Song Sung", "earlier-0-at_least": "7"})
        assert editor.is_valid()
        assert (rule.events, rule.where) == (["Song Sung"], where)
        assert rule.history == [{**history[0], "at_least": 7}, *history[1:]]


@pytest.mark.django_db
def test_the_properties_of_an_earlier_fact_are_edited() -> None:
    where = [{"property": "total", "op": "gte", "value": 500}]
    rule = rule_of(events=["Order Completed"], history=[{"event": "Order Delivered", "where": where}, {}])
    changed = {
        "earlier-0-where-0-value": "750",
        "earlier-0-where-1-property": "city",
        "earlier-0-where-1-value": "Trang",
    }
    assert through_the_form(rule, **changed).is_valid()
    tests = [{**where[0], "value": 750}, {"property": "city", "op": "eq", "value": "Trang"}]
    assert rule.history == [{"event": "Order Delivered", "where": tests}, {}]


@pytest.mark.django_db
def test_a_line_is_taken_away() -> None:
    rule = rule_of(
        events=["A", "B"], where=[{"property": "x", "op": "exists"}], history=[{"ago": "P1D"}, {"within": "P2D"}]
    )
    sent = {"event-0-event": "", "earlier-0-remove": "on", "where-0-property": ""}
    assert through_the_form(rule, **sent).is_valid()
    assert (rule.events, rule.where, rule.history) == (["B"], [], [{"within": "P2D"}])
