"""Tickets and their conversation."""

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Ticket


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


class TurnForm(forms.Form):
    """A reply or an internal note."""

    body = forms.CharField(label=_("Text"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: object, draft: str = "", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["body"].widget.attrs["data-draft"] = draft
