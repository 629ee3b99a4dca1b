"""The lists in the form of a script: properties, what happens when, and the shop's rules for the occasion."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateTimeInput
from crm.models import Channel, State
from journeys.forms.fields import shown, understood
from journeys.forms.lines import Line
from messaging.models import FrequencyCap

YEARS = (1971, 2199)  # that databases, calendars and zones all know


class WallField(forms.Field):
    """A day and a time on somebody's clock, without a zone."""

    widget = DateTimeInput

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            wall = datetime.fromisoformat(str(value).strip())
        except ValueError:
            wall = None
        if wall is None or wall.tzinfo or not YEARS[0] <= wall.year <= YEARS[1]:
            raise forms.ValidationError(_t("A day and a time, please, such as 2026-03-06 10:00."))
        return wall.replace(second=0, microsecond=0)


def as_text(value: Any) -> str:
    """A property's value as it stands in a box; `meant` reads it back."""
    if value is None:
        return "null"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else shown(value)


def meant(text: str) -> Any:
    """What is meant by the text in a box: JSON where it is some, else the text itself."""
    said = text.strip()
    if said == "null":
        return None
    if said[:1] in ("{", "["):
        try:
            return json.loads(said)
        except (ValueError, RecursionError):
            return said
    return understood(said)


class PairsField(forms.CharField):
    """Properties, one a line: order_id = A-1001."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"rows": 2, "spellcheck": "false", "class": "code", "placeholder": "rating = 5"}
        super().__init__(required=False, max_length=5000, widget=forms.Textarea(attrs=attrs), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return "\n".join(f"{name} = {as_text(told)}" for name, told in value.items())
        return value

    def clean(self, value: Any) -> Any:
        pairs: dict[str, Any] = {}
        for line in filter(None, map(str.strip, str(super().clean(value)).splitlines())):
            name, equals, told = line.partition("=")
            if not equals or not name.strip():
                raise forms.ValidationError(
                    _t("Each line is “name = value”; this is none: %(line)s") % {"line": line[:60]}
                )
            pairs[name.strip()] = meant(told)
        return pairs


class PropertyLine(Line):
    """A property of what starts the flow, or an attribute of the customer."""

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    value = forms.CharField(label=_("Value"), max_length=1000, required=False)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("value") and not said.get("name"):
            self.add_error("name", _t("Which one?"))
        return said


class _At(Line):
    at = WallField(label=_("When"), required=False)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.has_changed() and not said.get("at") and "at" not in self.errors:
            self.add_error("at", _t("When?"))
        return said


class EventLine(_At):
    """Something that happens to the customer, or that they do."""

    event = forms.CharField(
        label=_("Fact"), max_length=200, widget=forms.TextInput(attrs={"list": "event-names", "autocomplete": "off"})
    )
    properties = PairsField(label=_("Properties"))

    field_order = ("event", "at", "properties")


class ConsentLine(_At):
    """The customer agrees to a topic on a channel, or withdraws."""

    state = forms.ChoiceField(label=_("What"), choices=State.choices)
    topic = forms.ChoiceField(label=_("Topic"))
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)

    field_order = ("state", "topic", "channel", "at")

    def __init__(self, *args: Any, topics: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields["topic"]
        offered.choices = [("", "–"), *topics]

    def has_changed(self) -> bool:
        # What is chosen already says nothing by itself.
        return bool({"at", "topic"} & set(self.changed_data))


class ChangeLine(_At):
    """An attribute of the customer gets another value; left empty it is taken away."""

    name = forms.CharField(label=_("Attribute"), max_length=200)
    value = forms.CharField(label=_("New value"), max_length=1000, required=False)

    field_order = ("name", "value", "at")


class QuietLine(Line):
    """Hours in which a channel is quiet."""

    channel = forms.ChoiceField(label=_("Channel"), choices=[("", "–"), *Channel.choices], required=False)
    starts = forms.TimeField(label=_("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    ends = forms.TimeField(label=_("To"), required=False, widget=forms.TimeInput(attrs={"type": "time"}))
    all = forms.BooleanField(label=_("Service messages too"), required=False)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("channel") and "starts" not in self.errors and "ends" not in self.errors:
            if not said.get("starts") or not said.get("ends"):
                self.add_error("starts", _t("From when to when?"))
            elif said["starts"] == said["ends"]:
                self.add_error("ends", _t("That is the time it begins."))
        return said


class CapLine(Line):
    """How many promotions a customer gets at most."""

    limit = forms.IntegerField(label=_("At most"), min_value=0, max_value=1000, required=False)
    per = forms.ChoiceField(label=_("Per"), choices=FrequencyCap.Per.choices, required=False)

    def has_changed(self) -> bool:
        return "limit" in self.changed_data


def filled(lines: Sequence[forms.Form]) -> Iterator[tuple[int, Mapping[str, Any], forms.Form]]:
    """(number, what it says, the line) of those in which something was said; all are known to be right."""
    for number, line in enumerate(lines):
        if line.has_changed():
            yield number, line.cleaned_data, line


def without_line(data: QueryDict, name: str, number: int) -> QueryDict:
    """What was sent, less one line of the list `name`; those behind it move up."""
    kept = QueryDict(mutable=True)
    for key, values in data.lists():
        found = re.match(rf"{re.escape(name)}-([0-9]{{1,2}})-(.+)$", key)
        if found and int(found[1]) == number:
            continue
        if found and int(found[1]) > number:
            key = f"{name}-{int(found[1]) - 1}-{found[2]}"
        kept.setlist(key, values)
    return kept
