"""Fields that flows are made of: spans of time, tests of an event's properties, rules about the customer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.lib.durations import parse_duration
from crm.rules import InvalidRule, parse_rule
from crm.rules.menu import menu
from crm.rules.words import OPERATORS

SPARE = 1  # an empty line to fill in, behind those that are
WITHOUT_VALUE = ("exists", "not_exists")
_UNITS = {"minutes": "PT{}M", "hours": "PT{}H", "days": "P{}D", "weeks": "P{}W", "months": "P{}M", "years": "P{}Y"}
_TESTS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "exists", "not_exists")
_LINE = re.compile(r"^(?P<name>.+)-(?P<number>[0-9]{1,3})-property$")


# --- spans of time ------------------------------------------------------------------------------


class SpanWidget(forms.MultiWidget):
    """A number and its unit; what is no single unit (P1DT12H) is written as it stands in ISO 8601."""

    template_name = "journeys/builder_span.html"
    use_fieldset = True

    def __init__(self, *, signed: bool = False, attrs: dict[str, Any] | None = None) -> None:
        units = [
            ("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days")), ("weeks", _("weeks")),
            ("months", _("months")), ("years", _("years")), ("iso", _("as ISO 8601")),
        ]  # fmt: skip
        widgets: dict[str, forms.Widget | type[forms.Widget]] = {
            "n": forms.TextInput(attrs={"aria-label": _("How long"), "autocomplete": "off", "size": 8}),
            "unit": forms.Select(attrs={"aria-label": _("Unit")}, choices=units),
        }
        if signed:
            sides = [("before", _("before")), ("after", _("after"))]
            widgets["side"] = forms.Select(attrs={"aria-label": _("Before or after")}, choices=sides)
        super().__init__(widgets, attrs)

    def decompress(self, value: Any) -> list[str]:
        text = str(value or "")
        said = [*_apart(text.removeprefix("-")), "before" if text.startswith("-") else "after"]
        return said[: len(self.widgets)]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        number, unit, *side = (str(part or "").strip() for part in super().value_from_datadict(data, files, name))
        said = number
        if number and unit in _UNITS:
            # What is no number keeps its unit, and is refused with it.
            said = _UNITS[unit].format(int(number)) if re.fullmatch("[0-9]{1,9}", number) else f"{number} {unit}"
        return f"-{said}" if said and side == ["before"] else said


def _apart(text: str) -> tuple[str, str]:
    for unit, form in _UNITS.items():
        found = re.fullmatch(form.format("([0-9]{1,9})"), text)
        if found and form.format(int(found[1])) == text:
            return found[1], unit
    number, _space, unit = text.rpartition(" ")
    return (number, unit) if unit in _UNITS else (text, "iso" if text else "days")


class SpanField(forms.CharField):
    """An ISO 8601 duration; with `signed` one that may lie before (-P3D)."""

    def __init__(self, *, signed: bool = False, **kwargs: Any) -> None:
        super().__init__(widget=SpanWidget(signed=signed), max_length=40, **kwargs)

    def clean(self, value: Any) -> str:
        said = str(super().clean(value))
        if said:
            try:
                parse_duration(said.removeprefix("-"))
            except ValueError as error:
                raise ValidationError(_t("Not a span of time: a number and a unit, please.")) from error
        return said


# --- tests of properties ------------------------------------------------------------------------


def shown(value: Any) -> str:
    """A value of a test as it stands in its box; what could be read as something else is in quotation marks."""
    if isinstance(value, list):
        parts = [shown(part) for part in value]
        doubtful = any("," in part or "[" in part for part in parts)
        return json.dumps(value, ensure_ascii=False) if doubtful else ", ".join(parts)
    if isinstance(value, str):
        plain = value and value == value.strip() and value.isprintable() and understood(value) == value
        return value if plain and not value.startswith('"') else json.dumps(value, ensure_ascii=False)
    return "" if value is None else json.dumps(value)


def understood(text: str) -> Any:
    """What is meant by a text in a box: a number, true, false, a quoted text, or the text itself."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | str) else text


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _several(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list):
            return value
    return [understood(part.strip()) for part in text.split(",") if part.strip()]


class WhereWidget(forms.Widget):
    """A line for each test: a property, how it is compared, and with what."""

    template_name = "journeys/builder_where.html"
    use_fieldset = True

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        tests = [test for test in value if isinstance(test, dict)] if isinstance(value, list) else []
        lines = [{**test, "said": shown(test.get("value"))} for test in tests] + [{}] * SPARE
        return {**context, "lines": lines, "operators": [(op, OPERATORS[op]) for op in _TESTS]}

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[dict[str, Any]]:
        numbers = sorted(int(at["number"]) for key in data if (at := _LINE.match(key)) and at["name"] == name)
        lines = [
            {part: data.get(f"{name}-{n}-{part}", "").strip() for part in ("property", "op", "value")} for n in numbers
        ]
        return [_test(line) for line in lines if line["property"] or line["value"]]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False


def _test(said: Mapping[str, str]) -> dict[str, Any]:
    op = said["op"] or "eq"
    test: dict[str, Any] = {"property": said["property"], "op": op}
    if op in WITHOUT_VALUE:
        return test
    if not said["value"]:
        return {**test, "value": None}
    return {**test, "value": _several(said["value"]) if op in ("in", "not_in") else understood(said["value"])}


class WhereField(forms.Field):
    """A `where` list: what an event's properties must be. What is wrong with a test, the grammar says."""

    widget = WhereWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, label=_("Whose properties are"), **kwargs)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        for test in value:
            if not test["property"]:
                raise ValidationError(_t("Of which property?"))
            if test["op"] not in WITHOUT_VALUE and test["value"] in (None, []):
                raise ValidationError(_t("What must it be?"))
        return list(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _as_shown(initial) != _as_shown(data)


def _as_shown(tests: Any) -> list[tuple[Any, Any, str]]:
    known = [test for test in tests if isinstance(test, dict)] if isinstance(tests, list) else []
    return [(str(test.get("property")).strip(), test.get("op"), shown(test.get("value"))) for test in known]


# --- rules about the customer ----------------------------------------------------------------------


class RuleWidget(forms.Textarea):
    """The rule builder (templates/components/rule_builder.html); without JavaScript, the rule as JSON."""

    template_name = "journeys/builder_rule.html"

    def __init__(self, *, optional: bool = False) -> None:
        super().__init__()
        self.optional = optional

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        return {
            **context,
            "builder": {"name": name, "text": value, "faults": (), "menu": menu(), "optional": self.optional},
        }

    def id_for_label(self, id_: str, index: Any = None) -> str:
        return f"rule-{id_.removeprefix('id_')}"


class RuleField(forms.JSONField):
    """A rule in the one rule grammar; nothing said is everybody, or with `optional` no rule."""

    def __init__(self, *, optional: bool = False, **kwargs: Any) -> None:
        super().__init__(required=False, widget=RuleWidget(optional=optional), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value or {}, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> dict[str, Any]:
        rule = super().clean(value)
        rule = {} if rule is None else rule
        try:
            parse_rule(rule)
        except InvalidRule as error:
            raise ValidationError([str(fault) for fault in error.faults]) from error
        return dict(rule)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(initial or {}, data or "{}")


class ClockField(forms.RegexField):
    """A time of day, as flows write it: 09:30."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"type": "time"})
        super().__init__(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", widget=widget, **kwargs)


class TextField(forms.CharField):
    """Text of several lines, as it was written; browsers send their own ends of lines."""

    def __init__(self, *, rows: int = 5, code: bool = False, **kwargs: Any) -> None:
        attrs = {"rows": rows, **({"spellcheck": "false", "class": "code"} if code else {})}
        super().__init__(widget=forms.Textarea(attrs=attrs), strip=False, **kwargs)

    def to_python(self, value: Any) -> Any:
        return str(super().to_python(value)).replace("\r\n", "\n")


class EventField(forms.CharField):
    """A fact by its name; what is known is offered, a shop's own may be typed."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"list": "event-names", "autocomplete": "off"})
        super().__init__(max_length=200, widget=widget, **kwargs)
