"""
The steps of a flow as forms, one for each kind.

A form changes of a step's JSON only what somebody changed in it, so that whatever it does not show, or shows in its own
manner, comes through unharmed. A kind that has no form of its own here is edited as JSON.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from journeys.flows.trees import Json
from journeys.forms.choices import Choices, with_current
from journeys.forms.details import JsonObjectField
from journeys.forms.fields import RuleField, SpanField, TextField, understood
from journeys.forms.fields import shown as shown_value
from journeys.forms.lines import Line
from journeys.forms.step_form import JsonForm, StepForm
from journeys.forms.waits import WaitEventForm, WaitForm, WaitRuleForm

_CHANNELS = [("sms", _("SMS")), ("email", _("Email")), ("line", _("LINE"))]


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


class CouponForm(StepForm):
    promotion = forms.ChoiceField(
        label=_("Promotion"),
        help_text=_("Each customer gets a code of their own. Later messages show it with {{ coupon.code }}."),
    )

    def offer(self, choices: Choices) -> None:
        found = with_current(choices.promotions, self.step.get("promotion"))
        self.fields["promotion"].choices = found  # type: ignore[attr-defined]


class WebhookForm(StepForm):
    url = forms.CharField(
        label=_("Address"), max_length=500, widget=forms.URLInput,
        help_text=_("Called with a signed POST; its secret stands under Settings, Webhooks."),
    )  # fmt: skip
    body = JsonObjectField(
        label=_("What it says, as JSON"), required=False, rows=6,
        help_text=_("Texts may show data: {{ event.order_id }}. Empty says who, which flow and what started it."),
    )  # fmt: skip

    def read(self, step: Json) -> Json:
        body = step.get("body")
        shown = {"body": json.dumps(body, indent=2, ensure_ascii=False)} if body else {}
        return super().read(step) | shown


class FlowForm(StepForm):
    """Into a flow, or out of one."""

    flow = forms.ChoiceField(label=_("Flow"))

    def offer(self, choices: Choices) -> None:
        found = with_current(choices.flows, self.step.get("flow"))
        self.fields["flow"].choices = found  # type: ignore[attr-defined]


FORMS: dict[str, type[StepForm]] = {
    "wait": WaitForm, "wait_event": WaitEventForm, "wait_rule": WaitRuleForm, "branch": BranchForm, "split": SplitForm,
    "send": SendForm, "set": SetForm, "tag": TagForm, "task": TaskForm, "ticket": TicketForm,
    "coupon": CouponForm, "webhook": WebhookForm, "move_stage": MoveStageForm, "enrol": FlowForm,
    "unenrol": FlowForm, "exit": ExitForm,
}  # fmt: skip


def form_for(step: Json, choices: Choices, data: Any = None, *, is_new: bool = False) -> StepForm:
    """The form of the step's kind."""
    kind = FORMS.get(str(step.get("type")), JsonForm)
    return kind(step, choices, data, is_new=is_new)
