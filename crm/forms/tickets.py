"""Tickets and their conversation."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.lib import uploads
from crm.lib.uploads import EXTENSIONS, Upload
from crm.models import Ticket
from crm.services import attachments


class TicketForm(forms.Form):
    """What a customer told us by phone or over the counter."""

    kind = forms.ChoiceField(label=_("Kind"), choices=Ticket.Kind.choices)
    subject = forms.CharField(label=_("Subject"), max_length=200)
    body = forms.CharField(
        label=_("What does the customer say?"), max_length=10_000, required=False,
        widget=forms.Textarea(attrs={"rows": 5, "data-draft": "ticket"}),
    )  # fmt: skip
    priority = forms.ChoiceField(label=_("Priority"), choices=Ticket.Priority.choices, initial=Ticket.Priority.NORMAL)
    is_complaint = forms.BooleanField(label=_("It is a complaint: promotions pause"), required=False)


class FilesInput(forms.FileInput):
    """Takes several files at once."""

    allow_multiple_selected = True

    def __init__(self) -> None:
        super().__init__(attrs={"multiple": True, "accept": ",".join(f".{name}" for name in EXTENSIONS)})


class FilesField(forms.FileField):
    """Files of the kinds that tickets keep; becomes a list of Upload. What is wrong is said of each by its name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=FilesInput(), required=False, **kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        files = [uploads.read(file) for file in data or ()]
        if faults := attachments.faults_of(files):
            raise forms.ValidationError(faults)
        return files


class TurnForm(forms.Form):
    """A reply or an internal note."""

    body = forms.CharField(label=_("Text"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 4}))
    attached = FilesField(
        label=_("Attach files"),
        help_text=_("Up to 20 files of 10 MB each, 25 MB together: pictures, PDF, documents, sound and video."),
    )

    def __init__(self, *args: Any, draft: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].widget.attrs["data-draft"] = draft
