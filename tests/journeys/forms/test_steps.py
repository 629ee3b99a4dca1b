"""Whatever a form shows and nobody changed comes back key for key: every preset, every kind of step, every term."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from django import forms
from django.http import QueryDict

from journeys.flows import presets, trees
from journeys.flows.steps import AnyStep
from journeys.forms import steps, terms
from journeys.forms.choices import Choices
from journeys.forms.step_form import JsonForm

pytestmark = pytest.mark.django_db  # the rule builder offers segments and stages
CHOICES = Choices(
    [("hello", "Hello")], [("brand_news", "News")], [("five.a", "A")], [], [("other", "Other")], [],
    [("spring", "Spring")], [],
)  # fmt: skip
WHERE = [
    {"property": "total", "op": "gte", "value": 1000}, {"property": "sku", "op": "eq", "value": "1000"},
    {"property": "items.0.name", "op": "in", "value": ["a", 5, True, "true", "7"]},
    {"property": "x", "op": "in", "value": ["a,b", " c"]}, {"property": "y", "op": "exists"},
    {"property": "z", "op": "eq", "value": ""}, {"property": "q", "op": "ne", "value": '"quoted"'},
    {"property": "f", "op": "lt", "value": 1.0}, {"property": "b", "op": "eq", "value": False},
    {"property": "w", "op": "contains", "value": " spaced "},
]  # fmt: skip
INNER = [{"id": "in", "type": "wait", "for": "P1D"}]
RULE = {"all": [{"tag": "vip"}, {"not": {"purchases": {"count": {"gte": 2}}}}]}
KINDS: list[dict[str, Any]] = [
    {"type": "wait", "for": "P7D"},
    {"type": "wait", "for": "PT24H"},
    {"type": "wait", "for": "P1DT12H", "window": {"from": "22:00", "to": "06:00"}},
    {"type": "wait", "for": "P0D", "window": {"from": "09:00", "to": "19:00", "days": ["fri", "mon"]}},
    {"type": "wait", "until": {"attribute": "birthday"}},
    {"type": "wait", "until": {"attribute": "warranty", "offset": "-P3D"}, "missing": INNER, "past": []},
    {"type": "wait", "until": {"attribute": "warranty", "offset": "P0D"}},
    {"type": "wait", "until": {"product": "time_of_use"}},
    {"type": "wait", "until": {"product": "repurchase_after", "offset": "-P3D"}, "missing": INNER, "past": []},
    {"type": "wait_event", "event": "Product Reviewed", "timeout": "P5D", "then": INNER},
    {"type": "wait_event", "event": "A", "where": WHERE, "timeout": "PT9M", "look_back": "P1W", "then": [],
     "else": INNER},
    {"type": "wait_rule", "rule": RULE, "timeout": "P1M", "then": INNER, "else": []},
    {"type": "branch", "paths": [{"name": "A", "if": RULE, "steps": INNER}, {"name": "B", "if": {"tag": "b"}}]},
    {"type": "branch", "paths": [{"name": "A", "if": {}}], "else": INNER},
    {"type": "split", "paths": [{"name": "A", "weight": 0, "steps": INNER}, {"name": "B", "weight": 9}]},
    {"type": "send", "channel": "sms", "template": "hello", "topic": "brand_news"},
    {"type": "send", "channel": "sms", "template": "gone", "topic": "gone", "fallback": ["line", "email"],
     "expires_after": "PT24H", "over_cap": "skip", "if_unreachable": "exit"},
    {"type": "send", "channel": "email", "subject": "Hi", "body": "  Hello\nthere ", "topic": "brand_news",
     "fallback": []},
    {"type": "set", "attributes": {"a": 1, "b": "1", "c": None, "d": True, "e": "text", "f": ""}},
    {"type": "tag", "add": ["one", "two, three"]},
    {"type": "tag", "add": [], "remove": ["x"]},
    {"type": "task", "title": "Call"},
    {"type": "task", "title": "Call", "assign": "owner", "due": "P1D"},
    {"type": "task", "title": "Call", "assign": "somebody",
     "wait_for_outcome": {"timeout": "P2D", "then": [{"outcome": "yes", "steps": INNER}, {"outcome": "no"}],
                          "else": []}},
    {"type": "ticket", "kind": "after_sales", "subject": " Look ", "priority": "high"},
    {"type": "ticket", "kind": "enquiry", "subject": "Look"},
    {"type": "move_stage", "journey": "five", "stage": "gone"},
    {"type": "coupon", "promotion": "spring"},
    {"type": "coupon", "promotion": "gone"},
    {"type": "webhook", "url": "https://hooks.shop.example/in"},
    {"type": "webhook", "url": "https://hooks.shop.example/in",
     "body": {"z": "{{ event.order_id }}", "a": [1, True, None, {"ชื่อ": "{{ customer.name }}"}]}},
    {"type": "enrol", "flow": "other"},
    {"type": "unenrol", "flow": "gone"},
    {"type": "exit", "reason": "enough"},
    {"type": "coming one day", "some": {"thing": [1, 2]}},
]  # fmt: skip
PRESET_STEPS = [step for preset in presets.PRESETS for step in trees.walk(preset.definition)]


def sent(form: Any) -> QueryDict:
    """What a browser sends when the form is submitted as it was shown."""
    data = QueryDict(mutable=True)
    lines = [line for _name, _label, lines in form.shown_lines for line in lines.forms]
    for bound in [bound for part in [form, *lines] for bound in part]:
        _fill(data, bound.field.widget.get_context(bound.html_name, bound.value(), {}), bound)
    return data


def _fill(data: QueryDict, context: Any, bound: Any) -> None:
    widget = context["widget"]
    if "lines" in context:
        for number, line in enumerate(context["lines"]):
            for part, value in (
                ("property", line.get("property")),
                ("op", line.get("op")),
                ("value", line.get("said")),
            ):
                data[f"{widget['name']}-{number}-{part}"] = value or ("eq" if part == "op" else "")
    elif widget.get("subwidgets"):
        for inner in widget["subwidgets"]:
            _fill(data, {"widget": inner}, bound)
    elif "optgroups" in widget:
        options = [option for _group, options, _n in widget["optgroups"] for option in options]
        chosen = [str(option["value"]) for option in options if option["selected"]]
        single = not widget["attrs"].get("multiple") and widget["template_name"].endswith("select.html")
        data.setlist(widget["name"], chosen or ([str(options[0]["value"])] if single and options else []))
    elif isinstance(bound.field.widget, forms.CheckboxInput):
        if widget["attrs"].get("checked"):
            data[widget["name"]] = "on"
    else:
        value = "" if widget["value"] is None else str(widget["value"])
        is_area = widget["template_name"].endswith("textarea.html")
        data[widget["name"]] = value.replace("\n", "\r\n") if is_area else value


def named(kinds: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from ({"id": "it", **kind} for kind in kinds)


@pytest.mark.parametrize("step", [*named(KINDS), *PRESET_STEPS], ids=lambda step: f"{step['type']}-{step['id']}")
def test_a_step_that_is_saved_as_shown_is_what_it_was(step: dict[str, Any]) -> None:
    form = steps.form_for(step, CHOICES)
    again = steps.form_for(step, CHOICES, sent(form))
    assert again.is_valid() or step["type"] == "coming one day", (again.errors, sent(form))
    assert again.edited() == step


@pytest.mark.parametrize("step", [*named(KINDS)], ids=lambda step: step["type"])
def test_so_is_one_that_is_edited_as_json(step: dict[str, Any]) -> None:
    form = JsonForm(step, CHOICES)
    again = JsonForm(step, CHOICES, sent(form))
    again.is_valid()
    assert again.edited() == step


def test_every_kind_of_step_that_the_engine_has_was_tried_here() -> None:
    union = get_args(AnyStep)[0]
    kinds = {get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(union)}
    assert kinds <= {step["type"] for step in KINDS}


TERMS: list[tuple[str, Any]] = [
    ("trigger", {"event": "Order Delivered"}), ("trigger", {"event": "A", "where": WHERE}),
    ("trigger", {"event": "A", "where": []}), ("trigger", {"stage": {"journey": "five", "stage": "a"}}),
    ("trigger", {"segment": "vips"}), ("trigger", {"segment": "vips", "on": "enter"}),
    ("trigger", {"segment": "vips", "on": "leave"}), ("trigger", {"date": {"attribute": "birthday"}}),
    ("trigger", {"date": {"attribute": "w", "offset": "-P1M", "yearly": False, "at": "10:30"}}),
    ("trigger", {"schedule": {"cron": "0 10 * * mon", "segment": "vips"}}), ("trigger", {"manual": True}),
    ("audience", {}), ("audience", {"all": []}), ("audience", RULE),
    ("reentry", {"policy": "once"}), ("reentry", {"policy": "cooldown", "cooldown": "PT36H", "key": "properties.a.b"}),
    ("exits", []), ("exits", [{"event": "A"}, {"rule": RULE}, {"event": "B", "where": WHERE}]),
    ("goal", {"event": "A"}), ("goal", {"event": "A", "where": WHERE, "within": "P60D"}), ("goal", None),
    ("holdout", 0), ("holdout", 10),
]  # fmt: skip
DRAFTS = [
    *({"trigger": {"manual": True}, "steps": INNER} | {key: value} for key, value in TERMS),
    *(preset.definition for preset in presets.PRESETS),
]


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("key", list(terms.FORMS))
def test_a_term_that_is_saved_as_shown_is_what_it_was(draft: dict[str, Any], key: str) -> None:
    form = terms.FORMS[key](draft, CHOICES)
    again = terms.FORMS[key](draft, CHOICES, sent(form))
    assert again.is_valid(), again.errors
    assert again.edited() == draft


JUNK = [None, 5, "x", True, [], {}, [5], {"a": 5}, [{"a": []}], "\ud800", 1e308]


@pytest.mark.parametrize("step", [*named(KINDS)], ids=lambda step: step["type"])
def test_a_step_full_of_junk_still_has_a_form(step: dict[str, Any]) -> None:
    for key in [*step, "window", "until", "wait_for_outcome"]:
        for junk in JUNK:
            if key not in ("id", "type"):
                form = steps.form_for({**step, key: junk}, CHOICES)
                str(form)
                for _name, _label, lines in form.shown_lines:
                    "".join(map(str, lines.forms))
                steps.form_for({**step, key: junk}, CHOICES, sent(form)).is_valid()


@pytest.mark.parametrize("key", list(terms.FORMS))
def test_terms_full_of_junk_still_have_forms(key: str) -> None:
    for junk in [*JUNK, *({kind: junk} for kind in ("event", "stage", "segment", "date", "schedule") for junk in JUNK)]:
        form = terms.FORMS[key]({key: junk}, CHOICES)
        str(form)
        terms.FORMS[key]({key: junk}, CHOICES, sent(form)).is_valid()
