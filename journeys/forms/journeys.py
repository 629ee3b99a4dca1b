"""Journeys and stages as forms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.text import capfirst
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.lib.slugs import free_slug, unlike
from journeys.models import Journey, Stage
from journeys.models.journey import in_language
from journeys.stages.editing import MAX_STAGES
from journeys.stages.presets import JOURNEYS

EMPTY = ""
is_slug = RegexValidator(r"^[a-z0-9][a-z0-9_-]*$", _("Small letters, digits, hyphens."))


class NewJourneyForm(forms.Form):
    """A journey like one that comes with the product, or with stages of its own."""

    name = forms.CharField(label=_("Name"), max_length=100)
    name_th = forms.CharField(label=_("Name in Thai"), max_length=100, required=False)
    slug = forms.CharField(
        label=_("Slug"), max_length=64, required=False, validators=[is_slug],
        help_text=_("How flows and programs speak of it; made from the name when left empty. It cannot change later."),
    )  # fmt: skip
    start = forms.ChoiceField(label=_("Begin with"), required=False, widget=forms.RadioSelect)
    stages = forms.CharField(
        label=_("Stages of its own"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One a line, first to last."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        start: Any = self.fields["start"]
        start.choices = [
            *((preset.slug, _like(preset.slug)) for preset in JOURNEYS), (EMPTY, _("stages of its own")),
        ]  # fmt: skip

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"])
        if slug and Journey.objects.filter(slug=slug).exists():
            raise forms.ValidationError(_t("There is a journey with this slug already."))
        return slug or free_slug(str(self.cleaned_data.get("name", "")), Journey.objects.all(), stem="journey")

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("start", EMPTY) == EMPTY and "stages" not in self.errors:
            said["stages"] = stages_of(said.get("stages", ""))
            if not said["stages"]:
                self.add_error("stages", _t("Name at least one stage."))
            elif len(said["stages"]) > MAX_STAGES:
                self.add_error("stages", _t("A journey has at most %(most)s stages.") % {"most": MAX_STAGES})
        return said


def _like(slug: str) -> str:
    preset = next(one for one in JOURNEYS if one.slug == slug)
    stages = " → ".join(in_language(stage.name, stage.name_th) for stage in preset.stages)
    return f"{in_language(preset.name, preset.name_th)}: {stages}"


def stages_of(text: str) -> list[dict[str, Any]]:
    """A stage for each line, in the colours of the palette one after another; each has a slug of its own."""
    stages: list[dict[str, Any]] = []
    for name in filter(None, (" ".join(line.split())[:100] for line in text.splitlines())):
        slug = unlike(name, {stage["slug"] for stage in stages}, stem="stage")
        stages.append({"slug": slug, "name": name, "colour": 1 + len(stages) % len(Stage.Colour)})
    return stages


class JourneyForm(forms.ModelForm[Journey]):
    """The journey's own columns."""

    # No column of the form: making one the first takes that from another row, which the service does.
    is_default = forms.BooleanField(required=False, help_text=_("The one that lists and customers' pages show."))

    class Meta:
        model = Journey
        fields = ("name", "name_th", "at_risk_after", "lapsed_after", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["is_default"] = self.instance.is_default
        self.fields["is_default"].label = capfirst(Journey._meta.get_field("is_default").verbose_name)
        self.fields["is_active"].label = _("Switched on")
        self.fields["is_active"].help_text = _("Switched off, nobody moves in it, and its pages are not shown.")


class StageForm(forms.ModelForm[Stage]):
    """What a stage is called and how it looks."""

    class Meta:
        model = Stage
        fields = ("name", "name_th", "colour")


class NewStageForm(StageForm):
    slug = forms.CharField(
        label=_("Slug"), max_length=64, required=False, validators=[is_slug],
        help_text=_("Made from the name when left empty; it cannot change later."),
    )  # fmt: skip


class RemoveStageForm(forms.Form):
    """Where the people of a stage go when it is taken away."""

    move_to = forms.ChoiceField(label=_("Move them to"), required=False)

    def __init__(self, data: Any, *, others: list[Stage], is_needed: bool) -> None:
        super().__init__(data)
        move_to: Any = self.fields["move_to"]
        move_to.choices = [("", _("Choose a stage")), *((str(stage.pk), stage.label) for stage in others)]
        move_to.required = is_needed
