"""What the owner of a sandbox phone types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Channel
from messaging.forms.addresses import AddressForm


class ReplyForm(forms.Form):
    """An answer within a conversation."""

    body = forms.CharField(label=_("Answer as the customer"), max_length=1_600)


class NewTextForm(AddressForm):
    """A text out of the blue, from a number or address that may be new to us."""

    body = forms.CharField(label=_("Text"), max_length=1_600, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, channels: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].choices = [(name, Channel(name).label) for name in channels]  # type: ignore[attr-defined]
