"""A stage rule as a form: which facts, what their properties must be, what the customer had done before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.rules import InvalidRule
from journeys.forms.fields import SpanField, WhereField
from journeys.forms.lines import Json, Line, Lines
from journeys.models import Journey, Stage, StageRule
from journeys.stages import rulebook


class StageField(forms.ModelChoiceField[Stage]):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.label)


class NameField(forms.CharField):
    """A fact's or property's name. One with spaces at its ends is another name, so what was not touched stays."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, **kwargs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(initial or "").strip() != str(data or "").strip()


class FactField(NameField):
    """A fact, known ones offered."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"list": "event-names", "autocomplete": "off"}), **kwargs)


class RuleForm(forms.ModelForm[StageRule]):
    """The rule's plain columns, and the tests of its facts' properties."""

    stage = StageField(label=_("Stage"), queryset=Stage.objects.none(), empty_label=None)
    where = WhereField()

    class Meta:
        model = StageRule
        fields = ("stage", "name", "name_th", "priority", "may_move_back", "is_active")

    def __init__(self, *args: Any, journey: Journey, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["where"] = self.instance.where
        stages: Any = self.fields["stage"]
        stages.queryset = Stage.objects.filter(journey=journey).order_by("rank", "pk")
        self.fields["may_move_back"].help_text = _("The rule decides: it puts customers here wherever they stand.")


class EventLine(Line):
    """A fact that counts. Empty takes it away."""

    event = FactField(label=_("Fact"), required=False)


class EarlierLine(Line):
    """What the customer must have done before."""

    event = FactField(label=_("Earlier fact"), required=False)
    at_least = forms.IntegerField(label=_("How often"), min_value=1, max_value=1000, required=False)
    within = SpanField(label=_("At most so long ago"), required=False)
    ago = SpanField(label=_("At least so long ago"), required=False)
    distinct = NameField(label=_("Counting different"), required=False)
    other = NameField(label=_("With another"), required=False)
    where = WhereField()

    def edited(self, entries: Sequence[Any]) -> Json | None:
        """`{}` is a condition too: one fact of the rule's own."""
        was = self.cleaned_data.get("was")
        is_bare = was is not None and was < len(entries) and entries[was] == {} and not self.has_changed()
        return {} if is_bare and not self.cleaned_data.get("remove") else super().edited(entries)

    def put(self, entry: Json, key: str, value: Any) -> None:
        """What is not said has no key."""
        if value in (None, "", []):
            entry.pop(key, None)
        else:
            entry[key] = value


class RuleEditor:
    """
    The form of one rule with its lines.

    Attributes:
        rule: the row being edited, unsaved when it is new. `is_valid` puts what was said into it and saves nothing.
        mark: what the row was when the form was shown; another one when somebody has changed it since.
        faults: what the stage machine could not read, in its own words.
    """

    def __init__(self, rule: StageRule, journey: Journey, data: QueryDict | None = None) -> None:
        self.rule = rule
        self.mark = mark_of(rule)
        self.is_late = data is not None and rule.pk is not None and data.get("mark") != self.mark
        self.form = RuleForm(data, instance=rule, journey=journey)
        more = data.get("more") if data else None
        events = [{"event": name} for name in rule.events]
        self.events = Lines(EventLine, "event", events, data, spare=int(more == "event"))
        self.history = Lines(EarlierLine, "earlier", rule.history, data, spare=int(more == "earlier"))
        self.faults: list[str] = []

    def is_valid(self) -> bool:
        # All of them, so that every fault is shown.
        valid = [self.form.is_valid(), self.events.is_valid(), self.history.is_valid()]
        if self.is_late:
            self.faults = [
                _t("Somebody else has just changed this rule; yours is not saved. Open it again to see how it is now.")
            ]
        if not all(valid) or self.is_late:
            return False
        rule = self.rule
        rule.events = [str(entry["event"]) for entry in self.events.edited() if entry.get("event")]
        if "where" in self.form.changed_data:
            rule.where = self.form.cleaned_data["where"]
        rule.history = self.history.edited()
        if not rule.events:
            self.events.forms[0].add_error("event", _t("Which fact is the evidence?"))
            return False
        try:
            rulebook.read(rule, 0)
        except InvalidRule as error:
            self.faults = [str(fault) for fault in error.faults]
        return not self.faults


def mark_of(rule: StageRule) -> str:
    """The row as one word; another one as soon as any of it changes."""
    said: Mapping[str, Any] = {field.attname: getattr(rule, field.attname) for field in StageRule._meta.concrete_fields}
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:20]
