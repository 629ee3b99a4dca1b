"""Notes, calls and tasks."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateTimeInput
from crm.models import User
from crm.selectors.staff import colleagues


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
    assignee = forms.ModelChoiceField[User](
        label=_("Whose task?"), queryset=User.objects.none(), required=False, empty_label=_("nobody yet")
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["assignee"].queryset = colleagues()  # type: ignore[attr-defined]
