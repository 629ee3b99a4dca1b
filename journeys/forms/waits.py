"""The steps that wait, as forms."""

from __future__ import annotations

from copy import deepcopy

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from journeys.flows.calendar import DAYS
from journeys.flows.outline import INTERVALS
from journeys.flows.trees import Json
from journeys.forms.choices import Choices
from journeys.forms.fields import ClockField, EventField, RuleField, SpanField, WhereField
from journeys.forms.step_form import StepForm

_DAYS = list(
    zip(DAYS, [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")], strict=True)
)  # fmt: skip


class WaitForm(StepForm):
    keys = {"for_": "for"}
    when = {
        "for_": "mode-for", "attribute": "mode-until", "product": "mode-product", "offset": "mode-date",
        "missing": "mode-date", "past": "mode-date", "opens": "window-on", "closes": "window-on", "days": "window-on",
    }  # fmt: skip

    mode = forms.ChoiceField(
        label=_("Wait"), widget=forms.RadioSelect, initial="for",
        choices=[
            ("for", _("for so long")), ("until", _("until a date of the customer's")),
            ("product", _("by the product they ordered")),
        ],
    )  # fmt: skip
    for_ = SpanField(label=_("For"), required=False)
    attribute = forms.CharField(
        label=_("Date"), max_length=200, required=False,
        help_text=_("birthday, or the name of an attribute that holds a date."),
    )  # fmt: skip
    product = forms.ChoiceField(
        label=_("Until"), choices=list(INTERVALS.items()), required=False, initial="time_of_use",
        help_text=_("Counted from the delivery. Each product says how long it is used, and how long it lasts."),
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
            said |= {"mode": "product", "product": until["product"]} if "product" in until else {}
        if isinstance(window := step.get("window"), dict):
            said |= {"window": True, "opens": window.get("from"), "closes": window.get("to")}
            said["days"] = window.get("days", list(DAYS))
        said |= {name: "path" if isinstance(step.get(name), list) else "" for name in ("missing", "past")}
        return said

    def clean(self) -> Json:
        said = super().clean() or {}
        needed = {"for": ("for_",), "until": ("attribute",), "product": ("product",)}.get(said.get("mode", ""), ())
        for name in (*needed, *(("opens", "closes", "days") if said.get("window") else ())):
            if name not in self.errors and not said.get(name):
                self.add_error(name, _t("This field is required."))
        return said

    def edited(self) -> Json:
        said, step = self.cleaned_data, deepcopy(self.step)
        changed = set(self.fields) if self.is_new else set(self.changed_data)
        if "id" in changed:
            step["id"] = said["id"]
        if changed & {"mode", "for_", "attribute", "product", "offset", "missing", "past"}:
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
        date = "product" if said["mode"] == "product" else "attribute"
        step["until"] = {date: said[date], **({"offset": said["offset"]} if said["offset"] else {})}
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
