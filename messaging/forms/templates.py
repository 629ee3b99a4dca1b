"""Writing templates: one text for each language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.lib.phones import InvalidPhone, normalise_phone
from crm.models import Channel
from messaging.models import TemplateVariant
from messaging.outbox.authoring import Fault, VariantIn
from messaging.rendering.preview import Draft
from messaging.texts.liquid import MAX_SOURCE

PARTS = {"subject": _("Subject"), "body": _("Text"), "mjml": _("Design (MJML)"), "html": _("HTML of your own")}
_HELP = {
    "mjml": _("A design that looks right in mail programs, on a desk and on a phone."),
    "html": _("Instead of a design. With neither, the mail is made from the text."),
}
_WORDS = {
    "required": _("This text is needed."),
    "syntax": _("This is no valid template"),
    "unknown_variable": _("There is no such variable"),
    "unknown_filter": _("There is no such filter"),
    "unknown_tag": _("There is no such tag"),
    "unknown_partial": _("There is no such piece, or it has no HTML"),
    "link_domain_not_registered": _("This link leads to a domain that is not registered"),
    "not_offered": _("This is not offered"),
    "too_large": _("Too long"),
    "invalid_header": _("Line breaks and control characters are not allowed."),
    "invalid_text": _("Control characters are not allowed."),
}


class TemplateForm(forms.Form):
    """
    A template's name and its texts; the fields of a language are "en_subject", "en_body", "en_mjml" and "en_html".

    `slug` is asked for only when the template is new. A language with all its fields empty is left out.
    """

    name = forms.CharField(label=_("Name"), max_length=100)
    slug = forms.SlugField(
        label=_("Short name"), max_length=64,
        help_text=_("As flows call it; it cannot change later. The SMS and the email of one occasion share it."),
    )  # fmt: skip

    def __init__(self, *args: Any, channel: str, variants: Sequence[TemplateVariant] = (), is_new: bool, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.channel = channel
        self.languages = list(dict.fromkeys([*dict(settings.LANGUAGES), *(row.language for row in variants)]))
        if not is_new:
            del self.fields["slug"]
        for language in self.languages:
            for part in self.parts:
                self.fields[f"{language}_{part}"] = _text_field(part)
        for row in variants:
            for part in self.parts:
                self.initial[f"{row.language}_{part}"] = getattr(row, part)

    @property
    def parts(self) -> tuple[str, ...]:
        """What a text of this channel consists of."""
        return tuple(PARTS) if self.channel == Channel.EMAIL else ("body",)

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields by language, as the page lays them out."""
        return [(language, [self[f"{language}_{part}"] for part in self.parts]) for language in self.languages]

    @property
    def texts(self) -> Mapping[str, Mapping[str, str]]:
        """What is in the fields now, valid or not: {language: {part: text}}, without empty languages."""
        typed = {
            language: {part: str(self[f"{language}_{part}"].value() or "") for part in self.parts}
            for language in self.languages
        }
        return {language: parts for language, parts in typed.items() if any(text.strip() for text in parts.values())}

    @property
    def variants(self) -> Mapping[str, VariantIn]:
        return {language: VariantIn(**parts) for language, parts in self.texts.items()}

    @property
    def drafts(self) -> Mapping[str, Draft]:
        """The same, to be tried."""
        return {language: Draft(**parts) for language, parts in self.texts.items()}

    def clean(self) -> dict[str, Any]:
        if not self.texts:
            raise forms.ValidationError(_("At least one language is needed."))
        return super().clean() or {}

    def show_faults(self, faults: Iterable[Fault]) -> None:
        """Put each fault beside the field it is in."""
        for fault in faults:
            _root, *where = fault.path.split(".")
            name = f"{where[0]}_{where[1] if len(where) > 1 else 'body'}" if where else fault.path
            self.add_error(name if name in self.fields else None, in_words(fault.code, fault.message, fault.line))


class TestForm(forms.Form):
    """Where a test goes, and in which language."""

    language = forms.ChoiceField(label=_("Language"))
    address = forms.CharField(label=_("Phone number"), max_length=40)

    def __init__(self, *args: Any, channel: str, languages: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": "test", **kwargs})
        self.fields["language"].choices = languages  # type: ignore[attr-defined]
        if channel != Channel.SMS:
            del self.fields["address"]

    def clean_address(self) -> str:
        try:
            return normalise_phone(self.cleaned_data["address"], settings.SHOP_COUNTRY)
        except InvalidPhone as error:
            raise forms.ValidationError(capfirst(_t(str(error)))) from error


def in_words(code: str, message: str, line: int = 0) -> str:
    """A fault of a template for those who write one."""
    words = _WORDS.get(code)
    if words is None:
        said = capfirst(message)
    elif str(words).endswith("."):
        said = str(words)
    else:
        said = f"{words}: {message.rpartition(': ')[2]}"
    return _t("Line %(line)s: %(fault)s") % {"line": line, "fault": said} if line else said


def _text_field(part: str) -> forms.CharField:
    if part == "subject":
        return forms.CharField(label=PARTS[part], max_length=200, required=False)
    attrs = {"rows": {"body": 6, "mjml": 12}.get(part, 4), "spellcheck": "true" if part == "body" else "false"}
    if part != "body":
        attrs["class"] = "mono"
    return forms.CharField(
        label=PARTS[part], required=False, max_length=MAX_SOURCE, strip=False, widget=forms.Textarea(attrs=attrs),
        help_text=_HELP.get(part, ""),
    )  # fmt: skip
