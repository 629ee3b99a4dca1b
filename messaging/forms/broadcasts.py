"""Writing a broadcast: to whom, what, when, and which of several texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput, DateTimeInput
from crm.lib.phones import InvalidPhone, normalise_phone
from crm.models import Channel, Segment, Shop, Topic
from crm.rules.schema import Fault as RuleFault
from crm.selectors import suggestions
from messaging.broadcasts.drafts import BroadcastIn, Fault, VariantIn
from messaging.models import Broadcast, ChannelSettings, Template
from messaging.models.broadcast import MOST_VARIANTS
from messaging.texts.liquid import MAX_SOURCE

_NUMBER = {"inputmode": "numeric"}
_PARTS = ("template", "subject", "body", "weight")
_PLAIN = (
    "name", "topic", "channel", "fallback", "is_live", "timing", "starts_at", "local_date", "local_time", "per_minute",
    "expires_after", "test_share", "winner_by", "winner_goal", "winner_after",
)  # fmt: skip


def _number(label: Any, least: int, most: int, **more: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, min_value=least, max_value=most, widget=forms.NumberInput(attrs=_NUMBER), **more
    )


class BroadcastForm(forms.Form):
    """
    The whole of a draft; the fields of a variant are "v1_template", "v1_subject", "v1_body", "v1_weight".

    A variant with neither template nor text is left out.
    """

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Only you read it."))
    to = forms.ChoiceField(
        label=_("To"), choices=[("segment", _("a segment")), ("rule", _("whoever a rule holds for"))],
        widget=forms.RadioSelect, initial="segment",
    )  # fmt: skip
    segment = forms.ChoiceField(label=_("Segment"), required=False)
    rule = forms.CharField(label=_("Rule"), required=False, strip=True, max_length=50_000, widget=forms.Textarea)
    is_live = forms.BooleanField(
        label=_("Keep the audience up to date while it is sent"), required=False,
        help_text=_("Who no longer fits when their turn comes is left out; who fits since then is added."),
    )  # fmt: skip
    topic = forms.ChoiceField(label=_("Topic"))
    channel = forms.ChoiceField(label=_("Channel"))
    fallback = forms.MultipleChoiceField(
        label=_("Otherwise by"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("For whoever has no address on that channel, or may not be written to there."),
    )
    timing = forms.ChoiceField(
        label=_("When"), choices=Broadcast.Timing.choices, widget=forms.RadioSelect, initial=Broadcast.Timing.NOW
    )
    starts_at = forms.DateTimeField(
        label=_("At"), required=False, widget=DateTimeInput(), input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    )
    local_date = forms.DateField(label=_("Day"), required=False, widget=DateInput())
    local_time = forms.TimeField(
        label=_("Time"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    per_minute = _number(_("Messages a minute at most"), 0, 100_000, initial=0, help_text=_("0: no limit"))
    expires_after = _number(
        _("Give up after so many hours"), 1, 720, initial=24,
        help_text=_("What could not be sent by then is not sent any more."),
    )  # fmt: skip
    test_share = _number(
        _("Try them on so many percent first"), 0, 90, initial=0,
        help_text=_("0: everybody draws one. Otherwise the others get the best of them."),
    )  # fmt: skip
    winner_by = forms.ChoiceField(label=_("The best is the one with"), choices=Broadcast.WinnerBy.choices)
    winner_goal = forms.CharField(
        label=_("What they do"), max_length=100, required=False, widget=forms.TextInput(attrs={"list": "goals"})
    )
    winner_after = _number(_("Decided after so many hours"), 1, 168, initial=4)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = [(name, Channel(name).label) for name in ChannelSettings.objects.values_list("channel", flat=True)]
        self._choose("channel", channels)
        self._choose("fallback", channels)
        topics = Topic.objects.order_by("-is_marketing", "name")  # most broadcasts are marketing
        self._choose("topic", [(topic.slug, _t(topic.name)) for topic in topics])
        segments = list(Segment.objects.order_by("name").values_list("slug", "name"))
        self._choose("segment", [("", "—"), *segments])
        live = Template.objects.filter(versions__published_at__isnull=False).order_by("name")
        names = dict(live.values_list("slug", "name"))
        for number in range(1, MOST_VARIANTS + 1):
            self._add_variant(number, [("", _("a text of its own")), *names.items()])

    @property
    def variants(self) -> list[tuple[str, bool, dict[str, forms.BoundField]]]:
        """(letter, whether it is in use, its fields), as the page lays them out."""
        return [
            (
                "ABCD"[number - 1],
                number == 1 or self._is_used(number) or any(self[f"v{number}_{part}"].errors for part in _PARTS),
                {part: self[f"v{number}_{part}"] for part in _PARTS},
            )
            for number in range(1, MOST_VARIANTS + 1)
        ]

    @property
    def is_trial(self) -> bool:
        return str(self["test_share"].value() or 0) != "0"

    @property
    def goals(self) -> Sequence[str]:
        """Facts that there are, to choose a goal from."""
        return [name for name, _label in suggestions.event_names()]

    @staticmethod
    def initial_of(broadcast: Broadcast) -> dict[str, Any]:
        """What the form shows of a broadcast; the rule's text apart."""
        found: dict[str, Any] = {name: getattr(broadcast, name) for name in _PLAIN if name != "topic"}
        found["topic"] = broadcast.topic.slug
        slug = broadcast.rule.get("segment") if isinstance(broadcast.rule, dict) else None
        found |= {"to": "segment", "segment": slug} if isinstance(slug, str) else {"to": "rule"}
        for text in broadcast.variants.all():
            found |= {f"v{text.number}_{part}": getattr(text, part) for part in _PARTS}
        return found

    def given(self, rule: Any) -> BroadcastIn:
        """The draft as messaging.broadcasts.drafts takes it."""
        data = self.cleaned_data
        is_segment = data["to"] == "segment"
        return BroadcastIn(
            **{name: data[name] for name in _PLAIN},
            rule={"segment": data["segment"]} if is_segment else rule,
            variants=[self._variant(number) for number in self._used()],
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("to") == "segment" and not data.get("segment"):
            self.add_error("segment", _("Choose a segment, or write a rule."))
        return data

    def show_faults(self, faults: Iterable[Fault]) -> list[RuleFault]:
        """Put each fault beside its field; those of the rule are returned, for the builder."""
        of_rule = []
        for fault in faults:
            root, *where = fault.path.split(".")
            if root == "rule" or root.startswith("rule["):
                of_rule.append(RuleFault(fault.path.removeprefix("rule").removeprefix("."), str(fault.message)))
                continue
            name = f"v{self._used()[int(where[0])]}_{where[1]}" if root == "variants" and where else root
            self.add_error(name if name in self.fields else None, capfirst(str(fault.message)))
        if of_rule:
            self.add_error("rule", _("This rule cannot be used yet."))
        return of_rule

    def _variant(self, number: int) -> VariantIn:
        template, subject, body, weight = (self.cleaned_data[f"v{number}_{part}"] for part in _PARTS)
        return VariantIn(template=template, subject=subject, body=body, weight=weight or 1)

    def _used(self) -> list[int]:
        return [number for number in range(1, MOST_VARIANTS + 1) if self._is_used(number)]

    def _is_used(self, number: int) -> bool:
        return any(str(self[f"v{number}_{part}"].value() or "").strip() for part in ("template", "subject", "body"))

    def _choose(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined] # only choice fields are named

    def _add_variant(self, number: int, templates: Sequence[tuple[str, Any]]) -> None:
        self.fields[f"v{number}_template"] = forms.ChoiceField(label=_("Template"), choices=templates, required=False)
        self.fields[f"v{number}_subject"] = forms.CharField(
            label=_("Subject"), max_length=200, required=False, help_text=_("For email.")
        )
        self.fields[f"v{number}_body"] = forms.CharField(
            label=_("Text"), max_length=MAX_SOURCE, required=False, strip=False,
            widget=forms.Textarea(attrs={"rows": 4}),
        )  # fmt: skip
        self.fields[f"v{number}_weight"] = _number(_("Weight"), 1, 100, initial=1, required=False)


class TestForm(forms.Form):
    """Which text is tried, and on which number."""

    number = forms.ChoiceField(label=_("Text"))
    address = forms.CharField(label=_("Phone number"), max_length=40)

    def __init__(self, *args: Any, broadcast: Broadcast, **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": "test", **kwargs})
        letters = [(text.number, text.letter) for text in broadcast.variants.order_by("number")]
        self.fields["number"].choices = letters  # type: ignore[attr-defined]
        if broadcast.channel != Channel.SMS:
            del self.fields["address"]

    def clean_address(self) -> str:
        try:
            return normalise_phone(self.cleaned_data["address"], Shop.current().country)
        except InvalidPhone as error:
            raise forms.ValidationError(capfirst(_t(str(error)))) from error
