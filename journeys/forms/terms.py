"""
What a flow says besides its steps, as forms: what starts it, for whom, who may come again, who leaves, its goal.

As in journeys.forms.steps, only what somebody changed is changed in the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from journeys.flows.definition import Fault, InvalidDefinition, parse_definition
from journeys.flows.trees import Json
from journeys.forms.choices import Choices, with_current
from journeys.forms.fields import ClockField, EventField, RuleField, SpanField, WhereField
from journeys.forms.lines import Line, Lines

_ANY_STEP = {"id": "any", "type": "exit", "reason": "any"}


class TermForm(forms.Form):
    """
    The form of one key of the definition, `key`.

    Attributes:
        when: fields that matter only while another says so.
    """

    key: ClassVar[str]
    when: ClassVar[dict[str, str]] = {}

    def __init__(self, draft: Any, choices: Choices, data: Any = None) -> None:
        self.draft: Json = draft if isinstance(draft, dict) else {}
        super().__init__(data, initial=self.read(self.draft.get(self.key)), use_required_attribute=False)
        self.lines: Lines | None = None
        self.offer(choices)

    def offer(self, choices: Choices) -> None:
        """Fill the selects with what this shop has."""

    def read(self, said: Any) -> Json:
        """What the fields show at first."""
        return {name: said[name] for name in self.base_fields if name in said} if isinstance(said, dict) else {}

    def term(self) -> Any:
        """What the key is to hold; None for nothing."""
        raise NotImplementedError

    def edited(self) -> Json:
        """The definition as it is now said; asked once the form is valid."""
        edited = deepcopy(self.draft)
        if self.has_changed() or self.lines or self.key not in edited:
            term = self.term()
            if term in (None, [], {}):
                edited.pop(self.key, None)
            else:
                edited[self.key] = term
        return edited

    def is_valid(self) -> bool:
        valid = [super().is_valid(), self.lines is None or self.lines.is_valid()]
        if not all(valid):
            return False
        for fault in self._faults(self.edited()):
            self.add_error(None, str(fault))
        return not self.errors

    def _faults(self, edited: Json) -> list[Fault]:
        trigger = edited.get("trigger", {}) if self.key in ("trigger", "reentry") else {"manual": True}
        alone = {"trigger": trigger, "steps": [_ANY_STEP]}
        if self.key in edited:
            alone[self.key] = edited[self.key]
        try:
            parse_definition(alone)
        except InvalidDefinition as error:
            return [fault for fault in error.faults if fault.path.startswith(self.key)]
        return []

    @property
    def shown(self) -> Iterator[tuple[forms.BoundField, str]]:
        """The fields in order, each with when it matters."""
        for field in self.visible_fields():
            yield field, self.when.get(field.name, "")

    @property
    def shown_lines(self) -> Iterator[tuple[str, Any, Lines]]:
        if self.lines:
            yield self.key, "", self.lines


# --- what starts it -----------------------------------------------------------------------------


class TriggerForm(TermForm):
    """One form for all kinds: `kind` says which fields matter."""

    key = "trigger"
    when = {
        "event": "kind-event", "where": "kind-event", "stage": "kind-stage", "segment": "kind-segment",
        "on": "kind-segment", "attribute": "kind-date", "offset": "kind-date", "yearly": "kind-date", "at": "kind-date",
        "cron": "kind-schedule", "of_segment": "kind-schedule",
    }  # fmt: skip
    NEEDS: ClassVar[dict[str, tuple[str, ...]]] = {
        "event": ("event",), "stage": ("stage",), "segment": ("segment",), "date": ("attribute",),
        "schedule": ("cron", "of_segment"), "manual": (),
    }  # fmt: skip

    kind = forms.ChoiceField(
        label=_("Starts when"),
        choices=[
            ("event", _("something happens")), ("stage", _("a customer comes to a stage")),
            ("segment", _("a customer comes into a segment, or leaves it")),
            ("date", _("a date of the customer's comes")),
            ("schedule", _("the clock says so")), ("manual", _("staff or a program start it")),
        ],
        widget=forms.RadioSelect,
    )  # fmt: skip
    event = EventField(label=_("Fact"), required=False)
    where = WhereField()
    stage = forms.ChoiceField(label=_("Stage"), required=False)
    segment = forms.ChoiceField(label=_("Segment"), required=False)
    on = forms.ChoiceField(
        label=_("When they"), required=False, initial="enter", choices=[("enter", _("come in")), ("leave", _("leave"))]
    )
    attribute = forms.CharField(
        label=_("Date"), max_length=200, required=False,
        help_text=_("birthday, or the name of an attribute that holds a date."),
    )  # fmt: skip
    offset = SpanField(label=_("So long before or after it"), signed=True, required=False)
    yearly = forms.ChoiceField(
        label=_("How often"), required=False,
        choices=[("", _("each year for a birthday, else once")), ("yes", _("each year")), ("no", _("once"))],
    )  # fmt: skip
    at = ClockField(label=_("At"), required=False, initial="09:00")
    cron = forms.CharField(
        label=_("Times, as cron writes them"), max_length=100, required=False,
        help_text=_("Minute, hour, day, month, weekday on the shop's clock: 0 10 * * mon is each Monday at ten."),
    )  # fmt: skip
    of_segment = forms.ChoiceField(label=_("Everybody in the segment"), required=False)

    def offer(self, choices: Choices) -> None:
        empty = _t("choose one")
        for name, pairs in (("stage", choices.stages), ("segment", choices.segments), ("of_segment", choices.segments)):
            found = with_current(pairs, self.initial.get(name), empty=empty)
            self.fields[name].choices = found  # type: ignore[attr-defined]

    def read(self, said: Any) -> Json:
        said = said if isinstance(said, dict) else {}
        kind = next((kind for kind in self.NEEDS if kind in said), "")
        inner = said.get(kind)
        if kind == "event":
            return {"kind": kind, "event": inner, "where": said.get("where")}
        if kind == "segment":
            return {"kind": kind, "segment": inner, "on": said.get("on", "enter")}
        if not isinstance(inner, dict):
            return {"kind": kind}
        if kind == "stage":
            return {"kind": kind, "stage": f"{inner.get('journey', '')}.{inner.get('stage', '')}"}
        if kind == "date":
            yearly = "" if inner.get("yearly") is None else "yes" if inner["yearly"] else "no"
            return {**inner, "kind": kind, "yearly": yearly, "at": inner.get("at", "09:00")}
        return {"kind": kind, "cron": inner.get("cron"), "of_segment": inner.get("segment")}

    def clean(self) -> Json:
        said = super().clean() or {}
        for name in self.NEEDS.get(said.get("kind", ""), ()):
            if name not in self.errors and not said.get(name):
                self.add_error(name, _t("This field is required."))
        return said

    def term(self) -> Any:
        if not self.has_changed():
            return self.draft.get(self.key)
        said = self.cleaned_data
        match said["kind"]:
            case "event":
                return {"event": said["event"], **({"where": said["where"]} if said["where"] else {})}
            case "stage":
                journey, _dot, stage = said["stage"].partition(".")
                return {"stage": {"journey": journey, "stage": stage}}
            case "segment":
                return {"segment": said["segment"], **({"on": said["on"]} if said["on"] == "leave" else {})}
            case "date":
                return {"date": self._date(said)}
            case "schedule":
                return {"schedule": {"cron": said["cron"], "segment": said["of_segment"]}}
        return {"manual": True}

    @staticmethod
    def _date(said: Json) -> Json:
        date = {"attribute": said["attribute"]}
        if said["offset"]:
            date["offset"] = said["offset"]
        if said["yearly"]:
            date["yearly"] = said["yearly"] == "yes"
        if said["at"]:
            date["at"] = said["at"]
        return date


# --- for whom, and how often ---------------------------------------------------------------------


class AudienceForm(TermForm):
    key = "audience"

    rule = RuleField(label=_("Only customers of whom this is true"))

    def read(self, said: Any) -> Json:
        return {"rule": said}

    def term(self) -> Any:
        return self.cleaned_data["rule"] if self.has_changed() else self.draft.get(self.key)


class ReentryForm(TermForm):
    key = "reentry"
    when = {"cooldown": "policy-cooldown"}

    policy = forms.ChoiceField(
        label=_("May a customer enter again?"), required=False, widget=forms.RadioSelect,
        choices=[
            ("", _("as is usual for what starts it")), ("once", _("never a second time")),
            ("after_exit", _("when no run is under way")), ("cooldown", _("so long after the last entry")),
            ("always", _("every time")),
        ],
    )  # fmt: skip
    cooldown = SpanField(label=_("How long after"), required=False)
    key_ = forms.CharField(
        label=_("Apart for each"), max_length=200, required=False,
        help_text=_("A property of the fact, such as order_id: then each order or cart has a run of its own."),
    )  # fmt: skip

    def read(self, said: Any) -> Json:
        said = said if isinstance(said, dict) else {}
        return {**super().read(said), "key_": str(said.get("key") or "").removeprefix("properties.")}

    def clean(self) -> Json:
        said = super().clean() or {}
        if said.get("policy") == "cooldown" and not said.get("cooldown") and "cooldown" not in self.errors:
            self.add_error("cooldown", _t("This field is required."))
        if said.get("key_") and not said.get("policy"):
            self.add_error("policy", _t("Say this too when runs are told apart."))
        return said

    def term(self) -> Any:
        said, old = self.cleaned_data, self.draft.get(self.key)
        if not self.has_changed() or not said["policy"]:
            return old if not self.has_changed() else None
        term = {"policy": said["policy"]}
        if said["policy"] == "cooldown":
            term["cooldown"] = said["cooldown"]
        if said["key_"]:
            term["key"] = f"properties.{said['key_']}"
        return term


class HoldoutForm(TermForm):
    key = "holdout"

    share = forms.IntegerField(
        label=_("Percent of entrants who are only watched"), min_value=0, max_value=90, required=False,
        help_text=_("They get no message; how many of them reach the goal tells what the flow is worth."),
    )  # fmt: skip

    def read(self, said: Any) -> Json:
        return {"share": said}

    def term(self) -> Any:
        return self.cleaned_data["share"] if self.has_changed() else self.draft.get(self.key)


# --- how it ends --------------------------------------------------------------------------------


class ExitLine(Line):
    """Either a fact or a rule."""

    event = EventField(label=_("Leaves when this happens"), required=False)
    where = WhereField()
    rule = RuleField(label=_("or when this is true of the customer"), optional=True)

    def edited(self, entries: Any) -> Json | None:
        said = self.cleaned_data
        if self.has_changed() and not said.get("event") and not said.get("rule"):
            return None
        entry = super().edited(entries)
        if entry is None or not self.has_changed():
            return entry
        if said["event"]:
            return {"event": said["event"], **({"where": said["where"]} if said["where"] else {})}
        return {"rule": said["rule"]}

    def clean(self) -> Json:
        said = super().clean() or {}
        if said.get("event") and said.get("rule"):
            self.add_error("rule", _t("Either a fact or a rule: take another line for the other."))
        if said.get("where") and not said.get("event"):
            self.add_error("event", _t("Of which fact?"))
        return said


class ExitsForm(TermForm):
    key = "exits"

    def __init__(self, draft: Any, choices: Choices, data: Any = None) -> None:
        super().__init__(draft, choices, data)
        entries = self.draft.get(self.key)
        self.exits = self.lines = Lines(ExitLine, self.key, entries if isinstance(entries, list) else [], data)

    def term(self) -> Any:
        return self.exits.edited()

    def edited(self) -> Json:
        if self.exits.edited() == self.exits.entries:
            return deepcopy(self.draft)
        return super().edited()


class GoalForm(TermForm):
    key = "goal"

    event = EventField(label=_("Reached when this happens"), required=False)
    where = WhereField()
    within = SpanField(label=_("Within"), required=False, help_text=_("30 days, unless it says otherwise."))

    def term(self) -> Any:
        if not self.has_changed():
            return self.draft.get(self.key)
        said = {name: value for name, value in self.cleaned_data.items() if value}
        return said if said.get("event") else None


FORMS: dict[str, type[TermForm]] = {
    form.key: form for form in (TriggerForm, AudienceForm, ReentryForm, ExitsForm, GoalForm, HoldoutForm)
}
