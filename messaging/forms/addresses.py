"""Addresses that nothing is sent to."""

from __future__ import annotations

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from crm.models import Channel
from crm.services import identities
from messaging.models import Suppression

_FIELDS = {Channel.SMS: "phone", Channel.EMAIL: "email", Channel.LINE: "line_id"}


class AddressForm(forms.Form):
    """An address of a channel, brought into its one form."""

    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices)
    address = forms.CharField(label=_("Number or address"), max_length=254)

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        channel, address = cleaned.get("channel"), cleaned.get("address")
        if channel and isinstance(address, str):
            try:
                who = identities.clean(**{_FIELDS[Channel(str(channel))]: address})  # type: ignore[arg-type]
            except identities.InvalidIdentity as error:
                self.add_error("address", capfirst(gettext(error.message)))
            else:
                cleaned["address"] = who.phone or who.email or who.line_id
        return cleaned


class SuppressionForm(AddressForm):
    """What somebody asked staff, and why it is believed."""

    scope = forms.ChoiceField(label=_("What stops"), choices=Suppression.Scope.choices, initial=Suppression.Scope.ALL)
    reason = forms.CharField(
        label=_("Why"), max_length=200, help_text=_("As in: asked on the phone. It is kept as evidence with your name.")
    )


class LiftForm(forms.Form):
    reason = forms.CharField(
        label=_("Why may we write again?"), max_length=200,
        help_text=_("It is kept as evidence with your name."),
    )  # fmt: skip
