"""How a channel is connected."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Any, cast

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from crm.lib.vault import CannotUnseal
from crm.models import Channel
from messaging.channels import registry
from messaging.channels.base import ConfigFault, Preset
from messaging.channels.names import choice_of, more_settings
from messaging.forms import blanks
from messaging.forms.addresses import AddressForm
from messaging.models import ChannelSettings
from messaging.models.channel import SANDBOX

BLANK = "blank-"
EXAMPLE_HOST = "gateway.example"

# GSM 03.40: a sender is a number, or at most eleven letters and digits.
_SMS_SENDER = re.compile(r"\+?[0-9]{3,15}|[A-Za-z0-9 ._-]{1,11}")


class WriteOnly(forms.Textarea):
    """Never shows what it was given, not even when it comes back with a fault; only what there is to `start` from."""

    start = ""

    def format_value(self, value: Any) -> str:
        return self.start


class WriteOnlyLine(forms.TextInput):
    """The same on one line."""

    def format_value(self, value: Any) -> str:
        return ""


class ChannelForm(forms.ModelForm[ChannelSettings]):
    """The secret settings go in and never come out: the field is empty, and left so it keeps what there is."""

    provider = forms.ChoiceField(label=_("Provider"))
    config = forms.JSONField(
        label=_("Settings and credentials"), required=False,
        widget=WriteOnly(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )  # fmt: skip
    forget = forms.BooleanField(label=_("Forget the stored settings"), required=False)

    class Meta:
        model = ChannelSettings
        fields = ("provider", "sender", "max_per_second")
        labels = {"sender": _("Sender"), "max_per_second": _("Messages per second")}

    def __init__(self, *args: Any, channel: Channel, start: Preset | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.faults: list[ConfigFault] = []
        self.channel = channel
        self.instance.channel = channel
        self.fields["provider"].choices = [(name, choice_of(name)) for name in registry.serving(channel)]  # type: ignore[attr-defined]
        self.fields["sender"].help_text = _SENDER_HELP[channel]
        has_config = bool(self.instance.sealed_config)
        unsealed = _SEALED_SANDBOX if self.instance.provider == SANDBOX else _SEALED
        self.fields["config"].help_text = _KEPT if has_config else unsealed
        self.more_settings = more_settings(self.initial.get("provider", ""))
        self.is_open = True
        if start:
            widget = cast("WriteOnly", self.fields["config"].widget)
            widget.start = orjson.dumps(start.config, option=orjson.OPT_INDENT_2).decode()
            widget.attrs["rows"] = min(widget.start.count("\n") + 2, 40)
            # Of a known service the account's own is all there is to enter.
            self.is_open = EXAMPLE_HOST in widget.start
            self._ask_for_blanks(start)
        if not has_config:
            del self.fields["forget"]

    def _ask_for_blanks(self, start: Preset) -> None:
        """A field for each of the example's blanks."""
        for blank in blanks.blanks_in(start.config):
            self.fields[_field_of(blank)] = forms.CharField(
                label=blanks.label_of(blank), help_text=blanks.help_of(blank), required=False, max_length=2_000,
                widget=WriteOnlyLine(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
            )  # fmt: skip

    @property
    def blank_fields(self) -> list[forms.BoundField]:
        """Fields for what is the account's own, as far as the page starts from an example."""
        return [self[name] for name in self.fields if name.startswith(BLANK)]

    def clean_sender(self) -> str:
        sender: str = self.cleaned_data["sender"].strip()
        if sender and self.channel == Channel.SMS and not _SMS_SENDER.fullmatch(sender):
            raise ValidationError(_("A phone number, or at most 11 letters and digits."))
        if sender and self.channel == Channel.EMAIL:
            validate_email(parseaddr(sender)[1])
        return sender

    def clean_config(self) -> dict[str, Any] | None:
        config = self.cleaned_data["config"]
        if config is not None and not isinstance(config, dict):
            raise ValidationError(_('A JSON object is needed, such as {"key": "value"}.'))
        given = {blank: self.data.get(_field_of(blank), "").strip() for blank in blanks.blanks_in(config)}
        filled: dict[str, Any] | None = blanks.fill_in(config, given)
        for blank in blanks.blanks_in(filled):
            self.add_error("config", _("Enter your own: %(name)s.") % {"name": blanks.label_of(blank)})
        return filled

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"provider", "config"} <= cleaned.keys():
            self.faults = registry.faults(cleaned["provider"], self._config_to_be())
            for fault in self.faults:
                self.add_error("config", str(fault))
        return cleaned

    def _config_to_be(self) -> dict[str, Any]:
        """The settings that the channel would have."""
        if self.new_config is not None:
            return self.new_config
        if self.cleaned_data["provider"] != self.initial.get("provider"):
            return {}
        try:
            return self.instance.config
        except CannotUnseal:
            return {}  # what there is can no longer be read, and is to be entered again

    @property
    def new_config(self) -> dict[str, Any] | None:
        """What to store: None keeps what there is."""
        given: dict[str, Any] | None = self.cleaned_data["config"]
        return {} if given is None and self.cleaned_data.get("forget") else given


def _field_of(blank: str) -> str:
    return BLANK + slugify(blank)


class TrialForm(AddressForm):
    """Where a test of a channel goes."""

    def __init__(self, *args: Any, channel: Channel, **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": "trial", **kwargs})
        self._channel = channel
        del self.fields["channel"]
        self.fields["address"].label = _TRIAL_LABEL[channel]

    def clean(self) -> dict[str, object]:
        self.cleaned_data["channel"] = self._channel
        return super().clean()


_SEALED = _("JSON; kept encrypted and never shown again. With an example there is less to write.")
_SEALED_SANDBOX = _(
    'JSON; kept encrypted and never shown again. With {"receipts": "by_hand"} the sandbox leaves it to you what '
    "becomes of a message."
)
_KEPT = _("Something is stored. It is never shown; leave this empty to keep it.")
_SENDER_HELP = {
    Channel.SMS: _("As registered with the network: a number, or at most 11 letters and digits."),
    Channel.EMAIL: _("As in: My shop &lt;hello@shop.example&gt;. Empty: the address from the server's settings."),
    Channel.LINE: _("Only for your own orientation: LINE shows the name of the official account."),
}
_TRIAL_LABEL = {
    Channel.SMS: _("Your phone number"),
    Channel.EMAIL: _("Your email address"),
    Channel.LINE: _("Your LINE id, as the official account knows you"),
}
