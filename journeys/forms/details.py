"""A flow as a whole: what it is called, and its definition as JSON."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.lib.slugs import free_slug
from crm.lib.strict_json import InvalidJSON, read_object
from journeys.flows import versions
from journeys.flows.definition import DEEPEST
from journeys.forms.fields import TextField
from journeys.models import Flow


class JsonObjectField(TextField):
    """A JSON object, read as strictly as the API reads it."""

    def __init__(self, *, rows: int = 18, **kwargs: Any) -> None:
        super().__init__(rows=rows, code=True, max_length=300_000, **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return read_object(text.encode(errors="surrogatepass"), max_depth=DEEPEST)
        except InvalidJSON as error:
            raise forms.ValidationError(_t("This is no JSON we can take: %(why)s") % {"why": error}) from error


class DefinitionForm(forms.Form):
    definition = JsonObjectField(label=_("The flow as JSON"))


class NewFlowForm(forms.Form):
    """A new flow: empty, or from JSON."""

    name = forms.CharField(label=_("Name"), max_length=100)
    slug = forms.CharField(
        label=_("Slug"), max_length=64, required=False, validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*$")],
        help_text=_("How programs and other flows speak of it; it cannot change later. Left empty: made of the name."),
    )  # fmt: skip
    definition = JsonObjectField(
        label=_("From JSON"), required=False, help_text=_("Paste a flow that was copied here or elsewhere.")
    )

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"])
        if not slug:
            return free_slug(
                self.cleaned_data.get("name", ""), Flow.objects.all(), stem="flow", reserved=versions.RESERVED
            )
        if slug in versions.RESERVED:
            raise forms.ValidationError(_t("Another slug, please: a page has this address."))
        if Flow.objects.filter(slug=slug).exists():
            raise forms.ValidationError(_t("There is a flow with this slug already."))
        return slug


class FlowNamesForm(forms.ModelForm[Flow]):
    """What a flow is called."""

    class Meta:
        model = Flow
        fields = ("name", "name_th", "description")
