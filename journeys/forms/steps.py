"""
The steps of a flow as forms, one for each kind.

A form changes of a step's JSON only what somebody changed in it, so that whatever it does not show, or shows in its own
manner, comes through unharmed. A kind that has no form of its own here is edited as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from journeys.flows import trees
from journeys.flows.calendar import DAYS
from journeys.flows.definition import Fault, InvalidDefinition, parse_definition
from journeys.flows.trees import Json
from journeys.forms.choices import Choices, with_current
from journeys.forms.details import JsonObjectField
from journeys.forms.fields import ClockField, EventField, RuleField, SpanField, TextField, WhereField, understood
from journeys.forms.fields import shown as shown_value
from journeys.forms.lines import Line, Lines

_DAYS = list(
    zip(DAYS, [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")], strict=True)
)  # fmt: skip
_CHANNELS = [("sms", _("SMS")), ("email", _("Email")), ("line", _("LINE"))]


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


# --- waiting ------------------------------------------------------------------------------------


class WaitForm(StepForm):
    keys = {"for_": "for"}
    when = {
        "for_": "mode-for", "attribute": "mode-until", "offset": "mode-until", "missing": "mode-until",
        "past": "mode-until", "opens": "window-on", "closes": "window-on", "days": "window-on",
    }  # fmt: skip

    mode = forms.ChoiceField(
        label=_("Wait"), choices=[("for", _("for so long")), ("until", _("until a date of the customer's"))],
        widget=forms.RadioSelect, initial="for",
    )  # fmt: skip
    for_ = SpanField(label=_("For"), required=False)
    attribute = forms.CharField(
        label=_("Date"), max_length=200, required=False,
        help_text=_("birthday, or the name of an attribute that holds a date."),
    )  # fmt: skip
    offset = SpanField(label=_("So long before or after it"), signed=True, required=False)
    missing = forms.ChoiceField(label=_("Who has no such date"), required=False)
    past = forms.ChoiceField(label=_("When it is past"), required=False)
    window = forms.BooleanField(label=_("Go on at certain times only"), required=False)
    opens = ClockField(label=_("From"), required=False, initial="09:00")
    closes = ClockField(label=_("To"), required=False, initial="19:00")
    days = forms.MultipleChoiceField(
        label=_("On"), choices=_DAYS, required=False, initial=list(DAYS), widget=forms.CheckboxSelectMultiple
    )

    def offer(self, choices: Choices) -> None:
        ways = [("", _("leaves the flow")), ("path", _("goes a way of their own"))]
        for name in ("missing", "past"):
            self.fields[name].choices = ways  # type: ignore[attr-defined]

    def read(self, step: Json) -> Json:
        said: Json = {"id": step.get("id"), "for_": step.get("for"), "mode": "until" if step.get("until") else "for"}
        if isinstance(until := step.get("until"), dict):
            said |= {"attribute": until.get("attribute"), "offset": until.get("offset", "")}
        if isinstance(window := step.get("window"), dict):
            said |= {"window": True, "opens": window.get("from"), "closes": window.get("to")}
            said["days"] = window.get("days", list(DAYS))
        said |= {name: "path" if isinstance(step.get(name), list) else "" for name in ("missing", "past")}
        return said

    def clean(self) -> Json:
        said = super().clean() or {}
        needed = {"for": ("for_",), "until": ("attribute",)}.get(said.get("mode", ""), ())
        for name in (*needed, *(("opens", "closes", "days") if said.get("window") else ())):
            if name not in self.errors and not said.get(name):
                self.add_error(name, _t("This field is required."))
        return said

    def edited(self) -> Json:
        said, step = self.cleaned_data, deepcopy(self.step)
        changed = set(self.fields) if self.is_new else set(self.changed_data)
        if "id" in changed:
            step["id"] = said["id"]
        if changed & {"mode", "for_", "attribute", "offset", "missing", "past"}:
            self._write_time(step, said, changed)
        if changed & {"window", "opens", "closes", "days"}:
            self._write_window(step, said)
        return step

    def _write_time(self, step: Json, said: Json, changed: set[str]) -> None:
        if said["mode"] == "for":
            for key in ("until", "missing", "past"):
                step.pop(key, None)
            step["for"] = said["for_"]
            return
        step.pop("for", None)
        step["until"] = {"attribute": said["attribute"], **({"offset": said["offset"]} if said["offset"] else {})}
        for name in ("missing", "past"):
            if name in changed and said[name]:
                step.setdefault(name, [])
            elif name in changed:
                step.pop(name, None)

    def _write_window(self, step: Json, said: Json) -> None:
        if not said["window"]:
            step.pop("window", None)
            return
        window = {"from": said["opens"], "to": said["closes"]}
        old = step.get("window")
        if (isinstance(old, dict) and "days" in old) or len(said["days"]) < len(DAYS):
            window["days"] = said["days"]
        step["window"] = window


class WaitEventForm(StepForm):
    event = EventField(label=_("Fact"))
    where = WhereField()
    timeout = SpanField(label=_("At most"))
    look_back = SpanField(
        label=_("Also if it was so long before"), required=False,
        help_text=_("Without it, what happened before the wait began does not count."),
    )  # fmt: skip


class WaitRuleForm(StepForm):
    rule = RuleField(label=_("Until this is true of the customer"))
    timeout = SpanField(label=_("At most"))


# --- ways ---------------------------------------------------------------------------------------


class BranchLine(Line):
    keys = {"if_": "if"}

    name = forms.CharField(label=_("Name of the way"), max_length=200)
    if_ = RuleField(label=_("For whom this is true"))


class BranchForm(StepForm):
    lists = [("paths", BranchLine, _("Ways, the first that fits is taken"))]


class SplitLine(Line):
    name = forms.CharField(label=_("Name of the way"), max_length=200)
    weight = forms.IntegerField(label=_("Weight"), min_value=0, max_value=1_000_000, initial=1)


class SplitForm(StepForm):
    lists = [("paths", SplitLine, _("Ways, each gets its weight's share of the customers"))]


class ExitForm(StepForm):
    reason = forms.CharField(label=_("Reason"), max_length=100, help_text=_("What the run says it ended for."))


# --- deeds --------------------------------------------------------------------------------------


class SendForm(StepForm):
    when = {"subject": "template-none", "body": "template-none"}

    channel = forms.ChoiceField(label=_("By"), choices=_CHANNELS, initial="sms")
    second = forms.ChoiceField(label=_("Who cannot be reached so, by"), required=False)
    third = forms.ChoiceField(label=_("And else by"), required=False)
    template = forms.ChoiceField(label=_("Text"), required=False)
    subject = forms.CharField(label=_("Subject"), max_length=200, required=False)
    body = TextField(label=_("Words"), max_length=5000, required=False)
    topic = forms.ChoiceField(label=_("About"))
    expires_after = SpanField(
        label=_("Of no use after"), required=False, help_text=_("24 hours, unless it says otherwise.")
    )
    over_cap = forms.ChoiceField(
        label=_("When the customer has had enough messages"), initial="skip", required=False,
        choices=[("skip", _("leave this one out")), ("hold", _("wait until there is room"))],
    )  # fmt: skip
    if_unreachable = forms.ChoiceField(
        label=_("Who cannot be reached"), initial="go_on", required=False,
        choices=[("go_on", _("goes on")), ("exit", _("leaves the flow"))],
    )  # fmt: skip

    def offer(self, choices: Choices) -> None:
        none = [("", _("nothing"))]
        self._offer("second", [*none, *_CHANNELS])
        self._offer("third", [*none, *_CHANNELS])
        self._offer(
            "template", with_current(choices.templates, self.step_says("template"), empty=_t("words of its own"))
        )
        self._offer("topic", with_current(choices.topics, self.step_says("topic")))

    def step_says(self, key: str) -> Any:
        return self.step.get(key)

    def _offer(self, name: str, pairs: Any) -> None:
        self.fields[name].choices = pairs  # type: ignore[attr-defined]

    def read(self, step: Json) -> Json:
        others = step.get("fallback")
        others = [*(others if isinstance(others, list) else []), "", ""]
        return super().read(step) | {"second": others[0], "third": others[1]}

    def clean(self) -> Json:
        said = super().clean() or {}
        if not said.get("template") and not said.get("body"):
            self.add_error("body", _t("Choose a text, or write the words here."))
        return said

    def edited(self) -> Json:
        step, said = super().edited(), self.cleaned_data
        others = [step.pop(name) for name in ("second", "third") if name in step]
        if {"second", "third"} & set(self.changed_data):
            others = [name for name in (said["second"], said["third"]) if name]
            step.pop("fallback", None)
            if others:
                step["fallback"] = others
        if said["template"] and ("template" in self.changed_data):
            step.pop("body", None)
            step.pop("subject", None)
        return step


class SetLine(Line):
    name = forms.CharField(label=_("Attribute"), max_length=200)
    value = forms.CharField(
        label=_("Value"), max_length=500, required=False, help_text=_("Empty takes the attribute away.")
    )


class SetForm(StepForm):
    lists = [("attributes", SetLine, _("Set on the customer's record"))]

    def entries(self, name: str) -> list[Any]:
        found = self.step.get("attributes")
        pairs = found.items() if isinstance(found, dict) else ()
        return [{"name": key, "value": shown_value(value)} for key, value in pairs]

    def write_lines(self, step: Json, name: str, entries: list[Json]) -> None:
        step[name] = {
            entry["name"]: understood(entry["value"]) if entry.get("value") else None for entry in entries
        }  # fmt: skip


class NamesField(forms.CharField):
    """A list of names, one on a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [name for line in (value or "").splitlines() if (name := line.strip())]

    def validate(self, value: Any) -> None:
        """Any names will do; the step says which it takes."""

    def run_validators(self, value: Any) -> None:
        """As `validate`."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial if isinstance(initial, list) else []) != self.to_python(data))


class TagForm(StepForm):
    add = NamesField(label=_("Put on"), help_text=_("One tag on a line."))
    remove = NamesField(label=_("Take off"))


class OutcomeLine(Line):
    outcome = forms.CharField(label=_("Outcome"), max_length=64)


class TaskForm(StepForm):
    when = {"timeout": "waits-on"}
    lists = [("outcomes", OutcomeLine, _("Ways by what came of it"))]

    title = forms.CharField(label=_("What is to be done"), max_length=200)
    assign = forms.ChoiceField(label=_("For"), required=False)
    due = SpanField(label=_("Due in"), required=False)
    waits = forms.BooleanField(label=_("Wait for what comes of it"), required=False)
    timeout = SpanField(label=_("At most"), required=False)

    def offer(self, choices: Choices) -> None:
        pairs = [("owner", _t("the customer's owner")), *choices.people]
        found = with_current(pairs, self.step.get("assign"), empty=_t("whoever takes it"))
        self.fields["assign"].choices = found  # type: ignore[attr-defined]

    def _wait(self) -> Json | None:
        found = self.step.get("wait_for_outcome")
        return found if isinstance(found, dict) else None

    def read(self, step: Json) -> Json:
        wait = step.get("wait_for_outcome")
        said = super().read(step) | {"waits": isinstance(wait, dict)}
        return said | ({"timeout": wait.get("timeout")} if isinstance(wait, dict) else {})

    def entries(self, name: str) -> list[Any]:
        found = (self._wait() or {}).get("then")
        return found if isinstance(found, list) else []

    def clean(self) -> Json:
        said = super().clean() or {}
        if said.get("waits") and not said.get("timeout") and "timeout" not in self.errors:
            self.add_error("timeout", _t("This field is required."))
        return said

    def edited(self) -> Json:
        step, said, outcomes = deepcopy(self.step), self.cleaned_data, self.lines["outcomes"].edited()
        for name in ("id", "title", "assign", "due"):
            if name in self.changed_data or (self.is_new and self.fields[name].required):
                self.write(step, name, said[name])
        if not said["waits"]:
            step.pop("wait_for_outcome", None)
        elif {"waits", "timeout"} & set(self.changed_data) or outcomes != self.entries("outcomes"):
            step["wait_for_outcome"] = {**(self._wait() or {}), "timeout": said["timeout"], "then": outcomes}
        return step


class TicketForm(StepForm):
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[("enquiry", _("Enquiry")), ("after_sales", _("After-sales help"))]
    )
    subject = forms.CharField(label=_("Subject"), max_length=200, strip=False)
    priority = forms.ChoiceField(
        label=_("Priority"), required=False, initial="normal",
        choices=[("low", _("low")), ("normal", _("normal")), ("high", _("high")), ("urgent", _("urgent"))],
    )  # fmt: skip


class MoveStageForm(StepForm):
    stage = forms.ChoiceField(label=_("Stage"))

    def read(self, step: Json) -> Json:
        here = f"{step.get('journey', '')}.{step.get('stage', '')}"
        return {"id": step.get("id"), "stage": here if here != "." else ""}

    def offer(self, choices: Choices) -> None:
        found = with_current(choices.stages, self.initial["stage"])
        self.fields["stage"].choices = found  # type: ignore[attr-defined]

    def write(self, step: Json, name: str, value: Any) -> None:
        if name == "stage":
            step["journey"], _dot, step["stage"] = value.partition(".")
        else:
            super().write(step, name, value)


class FlowForm(StepForm):
    """Into a flow, or out of one."""

    flow = forms.ChoiceField(label=_("Flow"))

    def offer(self, choices: Choices) -> None:
        found = with_current(choices.flows, self.step.get("flow"))
        self.fields["flow"].choices = found  # type: ignore[attr-defined]


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


FORMS: dict[str, type[StepForm]] = {
    "wait": WaitForm, "wait_event": WaitEventForm, "wait_rule": WaitRuleForm, "branch": BranchForm, "split": SplitForm,
    "send": SendForm, "set": SetForm, "tag": TagForm, "task": TaskForm, "ticket": TicketForm,
    "move_stage": MoveStageForm, "enrol": FlowForm, "unenrol": FlowForm, "exit": ExitForm,
}  # fmt: skip


def form_for(step: Json, choices: Choices, data: Any = None, *, is_new: bool = False) -> StepForm:
    """The form of the step's kind."""
    kind = FORMS.get(str(step.get("type")), JsonForm)
    return kind(step, choices, data, is_new=is_new)
