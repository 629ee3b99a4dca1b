"""What the forms of all kinds of steps share; and the form of a kind that has none of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from journeys.flows import trees
from journeys.flows.definition import Fault, InvalidDefinition, parse_definition
from journeys.flows.trees import Json
from journeys.forms.choices import Choices
from journeys.forms.details import JsonObjectField
from journeys.forms.lines import Line, Lines


class StepForm(forms.Form):
    """
    A step's form.

    Attributes:
        keys: the JSON key of a field that is called otherwise.
        when: fields that matter only while another says so: {"until_attribute": "mode-until"}.
        lists: lines the step has: (name in the form, kind of line, what the list is called).
    """

    keys: ClassVar[Mapping[str, str]] = {}
    when: ClassVar[Mapping[str, str]] = {}
    lists: ClassVar[Sequence[tuple[str, type[Line], Any]]] = ()

    id = forms.SlugField(
        label=_("Id of the step"), max_length=64,
        help_text=_("Whoever is inside is followed by it: with another id it is another step."),
    )  # fmt: skip

    def __init__(self, step: Json, choices: Choices, data: Any = None, *, is_new: bool = False) -> None:
        super().__init__(data, initial=self.read(step), use_required_attribute=False)
        self.step, self.is_new = step, is_new
        self.offer(choices)
        self.order_fields([name for name in self.fields if name != "id"])
        self.lines = {name: Lines(kind, name, self.entries(name), data) for name, kind, _label in self.lists}

    def offer(self, choices: Choices) -> None:
        """Fill the selects with what this shop has."""

    def entries(self, name: str) -> list[Any]:
        """The entries of a list as they stand."""
        found = self.step.get(name)
        return found if isinstance(found, list) else []

    def read(self, step: Json) -> Json:
        """What the fields show at first."""
        return {name: step[key] for name in self.base_fields if (key := self.keys.get(name, name)) in step}

    def write(self, step: Json, name: str, value: Any) -> None:
        """Put what a field says into the JSON; a field left empty has no key."""
        key = self.keys.get(name, name)
        if value in ("", None, [], {}) and not self.fields[name].required and not isinstance(value, bool):
            step.pop(key, None)
        else:
            step[key] = value

    def write_lines(self, step: Json, name: str, entries: list[Json]) -> None:
        step[name] = entries

    def edited(self) -> Json:
        """The step as it is now said; asked once the form is valid."""
        step = deepcopy(self.step)
        for name, field in self.fields.items():
            if name in self.changed_data or (self.is_new and field.required):
                self.write(step, name, self.cleaned_data[name])
        for name, lines in self.lines.items():
            entries = lines.edited()
            if entries != lines.entries or self.is_new:
                self.write_lines(step, name, entries)
        return step

    def is_valid(self) -> bool:
        """Whether every field is right, and the step as a whole is one that could run."""
        valid = [super().is_valid(), *(lines.is_valid() for lines in self.lines.values())]
        if not all(valid):
            return False
        for fault in faults_of_step(self.edited()):
            self._show(fault)
        return not self.errors

    def _show(self, fault: Fault) -> None:
        place = fault.path.removeprefix("steps[0]").removeprefix(".")
        names = {self.keys.get(name, name): name for name in self.fields}
        if place in names:
            self.add_error(names[place], fault.message)
        else:
            self.add_error(None, f"{place}: {fault.message}" if place else fault.message)

    @property
    def shown(self) -> Iterator[tuple[forms.BoundField, str]]:
        """The fields in order, each with when it matters."""
        for field in self.visible_fields():
            yield field, self.when.get(field.name, "")

    @property
    def shown_lines(self) -> Iterator[tuple[str, Any, Lines]]:
        """(name, label, lines) of each list."""
        for name, _kind, label in self.lists:
            yield name, label, self.lines[name]


def faults_of_step(step: Json) -> list[Fault]:
    """What is wrong with a step by itself, whatever stands in its lists."""
    try:
        parse_definition({"trigger": {"manual": True}, "steps": [trees.without_lists(step)]})
    except InvalidDefinition as error:
        return error.faults
    return []


class JsonForm(StepForm):
    """A step as JSON, without the steps it leads into."""

    text = JsonObjectField(label=_("The step as JSON"))

    def read(self, step: Json) -> Json:
        bare = trees.in_reading_order(trees.without_lists(step))
        said = {key: value for key, value in bare.items() if key != "id"}
        return {"id": step.get("id"), "text": json.dumps(said, indent=2, ensure_ascii=False)}

    def edited(self) -> Json:
        if not self.changed_data:
            return deepcopy(self.step)
        said = {"id": self.cleaned_data["id"], **self.cleaned_data["text"]}
        return trees.with_lists_of({**said, "id": self.cleaned_data["id"]}, self.step)
