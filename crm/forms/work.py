"""Notes, calls and tasks."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateTimeInput
from crm.models import User
from crm.selectors.staff import colleague_names, colleagues


class NoteForm(forms.Form):
    """A note, or what was said in a call."""

    body = forms.CharField(
        label=_("Text"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 3, "data-draft": "note"})
    )


class TaskForm(forms.Form):
    title = forms.CharField(label=_("What is to be done?"), max_length=200)
    due_at = forms.DateTimeField(
        label=_("Due"), required=False, widget=DateTimeInput(), input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    )
    assignee = forms.ChoiceField(
        label=_("Whose task?"), choices=lambda: [("", _("nobody yet")), *colleague_names()], required=False
    )

    def clean_assignee(self) -> User | None:
        return colleagues().filter(username=self.cleaned_data["assignee"]).first()
