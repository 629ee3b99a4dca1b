"""A stage rule as a form: which facts, what their properties must be, what the customer had done before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.lib.durations import parse_duration
from crm.rules import InvalidRule
from crm.rules.words import OPERATORS
from journeys.models import Journey, Stage, StageRule
from journeys.stages import rulebook

SPARE = 2  # empty lines to fill in, besides those that are
_TESTS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "exists", "not_exists")
_WITHOUT_VALUE = ("exists", "not_exists")


class StageField(forms.ModelChoiceField[Stage]):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.label)


class RuleForm(forms.ModelForm[StageRule]):
    """The rule's plain columns; the lists stand in lines of their own."""

    stage = StageField(label=_("Stage"), queryset=Stage.objects.none(), empty_label=None)

    class Meta:
        model = StageRule
        fields = ("stage", "name", "name_th", "priority", "may_move_back", "is_active")

    def __init__(self, *args: Any, journey: Journey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stages: Any = self.fields["stage"]
        stages.queryset = Stage.objects.filter(journey=journey).order_by("rank", "pk")
        self.fields["may_move_back"].help_text = _("The rule decides: it puts customers here wherever they stand.")


class EventLine(forms.Form):
    """A fact that counts."""

    event = forms.CharField(
        label=_("Fact"), max_length=200, required=False, widget=forms.TextInput(attrs={"list": "event-names"})
    )


class TestLine(forms.Form):
    """What one property of the fact must be."""

    property = forms.CharField(label=_("Property"), max_length=200, required=False)
    op = forms.ChoiceField(label=_("Must be"), choices=[(op, OPERATORS[op]) for op in _TESTS], required=False)
    value = forms.CharField(label=_("Value"), max_length=500, required=False)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("property") and said.get("op") not in _WITHOUT_VALUE and not said.get("value"):
            self.add_error("value", _("What must it be?"))
        if said.get("value") and not said.get("property"):
            self.add_error("property", _("Of which property?"))
        return said


class EarlierLine(forms.Form):
    """What the customer must have done before."""

    event = forms.CharField(
        label=_("Earlier fact"), max_length=200, required=False, widget=forms.TextInput(attrs={"list": "event-names"})
    )
    at_least = forms.IntegerField(label=_("How often"), min_value=1, max_value=1000, required=False)
    within = forms.CharField(label=_("At most so long ago"), max_length=30, required=False)
    ago = forms.CharField(label=_("At least so long ago"), max_length=30, required=False)
    distinct = forms.CharField(label=_("Counting different"), max_length=200, required=False)
    other = forms.CharField(label=_("With another"), max_length=200, required=False)
    # Tests of the earlier fact's own properties: kept as they are.
    where = forms.JSONField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("within", "ago"):
            self.fields[name].widget.attrs["placeholder"] = "P7D"

    def clean_within(self) -> str:
        return self._span("within")

    def clean_ago(self) -> str:
        return self._span("ago")

    def _span(self, name: str) -> str:
        said = str(self.cleaned_data[name])
        if said:
            try:
                parse_duration(said)
            except ValueError as error:
                raise forms.ValidationError(_t("Write P7D for 7 days, PT12H for 12 hours.")) from error
        return said


Lines = Sequence[forms.Form]


class RuleEditor:
    """
    The form of one rule with its lines.

    Attributes:
        rule: the row being edited, unsaved when it is new. `is_valid` puts what was said into it and saves nothing.
        faults: what the stage machine could not read, in its own words.
    """

    def __init__(self, rule: StageRule, journey: Journey, data: QueryDict | None = None) -> None:
        self.rule = rule
        self.form = RuleForm(data, instance=rule, journey=journey)
        self.events = _lines(EventLine, "event", [{"event": name} for name in rule.events], data)
        self.tests = _lines(TestLine, "test", [_test_as_said(test) for test in rule.where], data)
        self.history = _lines(EarlierLine, "earlier", rule.history, data)
        self.faults: list[str] = []

    def is_valid(self) -> bool:
        parts = [self.form, *self.events, *self.tests, *self.history]
        valid = [part.is_valid() for part in parts]  # all of them, so that every fault is shown
        if not all(valid):
            return False
        rule = self.rule
        rule.events = [line.cleaned_data["event"] for line in self.events if line.cleaned_data["event"]]
        rule.where = [_test(line.cleaned_data) for line in self.tests if line.cleaned_data["property"]]
        rule.history = [found for line in self.history if (found := _earlier(line.cleaned_data))]
        if not rule.events:
            self.events[0].add_error("event", _t("Which fact is the evidence?"))
            return False
        try:
            rulebook.read(rule, 0)
        except InvalidRule as error:
            self.faults = [str(fault) for fault in error.faults]
        return not self.faults


def _lines(kind: type[forms.Form], name: str, rows: Sequence[Mapping[str, Any]], data: QueryDict | None) -> Lines:
    """A line for every row, and empty ones behind them; as many as were sent when something was."""
    if data is None:
        filled = [kind(initial=dict(row), prefix=f"{name}-{number}") for number, row in enumerate(rows)]
        empty = [kind(prefix=f"{name}-{number}") for number in range(len(rows), len(rows) + SPARE)]
        return [*filled, *empty]
    sent = {int(parts[1]) for key in data if (parts := key.split("-"))[0] == name and len(parts) > 2}
    more = SPARE if data.get("more") == name else 0
    # A line that was not sent has nothing to say and is no fault.
    shown = min(max(sent, default=-1) + 1 + more, 60)
    return [kind(data, prefix=f"{name}-{number}") for number in range(max(shown, 1))]


def _test_as_said(test: Mapping[str, Any]) -> dict[str, Any]:
    value = test.get("value")
    return {**test, "value": ", ".join(map(_said, value)) if isinstance(value, list) else _said(value)}


def _said(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _test(said: Mapping[str, Any]) -> dict[str, Any]:
    test = {"property": said["property"], "op": said["op"] or "eq"}
    if test["op"] in _WITHOUT_VALUE:
        return test
    if test["op"] in ("in", "not_in"):
        return {**test, "value": [_value(part.strip()) for part in said["value"].split(",") if part.strip()]}
    return {**test, "value": _value(said["value"])}


def _value(text: str) -> Any:
    """Numbers, true and false as such, so that the rule reads as it was written; all else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _earlier(said: Mapping[str, Any]) -> dict[str, Any]:
    """The condition, only what was said of it; {} for an empty line."""
    return {name: said[name] for name in EarlierLine.base_fields if said.get(name)}
