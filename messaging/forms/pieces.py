"""Writing shared pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from messaging.forms.templates import in_words
from messaging.models import TemplatePartial
from messaging.outbox.authoring import Fault
from messaging.services.pieces import PieceIn
from messaging.texts.liquid import MAX_SOURCE

LABELS = {"text": _("Text"), "html": _("HTML, for emails")}


class PieceForm(forms.Form):
    """A piece by language; the fields of a language are "en_text" and "en_html". `slug` only for a new one."""

    slug = forms.SlugField(
        label=_("Short name"), max_length=64,
        help_text=_("As templates ask for it: render and this name. It cannot change later."),
    )  # fmt: skip

    def __init__(self, *args: Any, rows: Sequence[TemplatePartial] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.languages = list(dict.fromkeys([*dict(settings.LANGUAGES), *(row.language for row in rows)]))
        if rows:
            del self.fields["slug"]
        for language in self.languages:
            for part, label in LABELS.items():
                self.fields[f"{language}_{part}"] = forms.CharField(
                    label=label, required=False, max_length=MAX_SOURCE, strip=False,
                    widget=forms.Textarea(attrs={"rows": 4, "class": "mono" if part == "html" else ""}),
                )  # fmt: skip
        for row in rows:
            for part in LABELS:
                self.initial[f"{row.language}_{part}"] = getattr(row, part)

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields by language, as the page lays them out."""
        return [(language, [self[f"{language}_{part}"] for part in LABELS]) for language in self.languages]

    @property
    def texts(self) -> Mapping[str, PieceIn]:
        """What was typed, without empty languages."""
        typed = {
            language: PieceIn(*(self.cleaned_data.get(f"{language}_{part}") or "" for part in LABELS))
            for language in self.languages
        }
        return {language: piece for language, piece in typed.items() if piece.text.strip() or piece.html.strip()}

    def show_faults(self, faults: Iterable[Fault]) -> None:
        """Put each fault beside the field it is in."""
        for fault in faults:
            _root, *where = fault.path.split(".")
            name = "_".join(where) or fault.path
            self.add_error(name if name in self.fields else None, in_words(fault.code, fault.message, fault.line))
