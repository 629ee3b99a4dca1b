"""The email service providers we know, and what is entered for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationError

from messaging.channels.answers import reply_domain_faults
from messaging.channels.base import ConfigFault, Preset
from messaging.channels.calls import What
from messaging.channels.shapes import Shape, faults_of


@dataclass(frozen=True, slots=True)
class Esp:
    """
    Attributes:
        needs, may: settings of its backend, by their names in django-anymail.
        views: the webhook views by door, django-anymail's own but for Brevo's letters.
        signing: which setting holds the key that a view verifies signatures with.
        view_needs: which other setting a view is made with.
        tracks: whether each letter can say if its opens and clicks are to be told.
        signs_always: whether its calls cannot be taken without that key.
        headers: what it must be told to leave our own Message-ID as it is.
        largest: how many bytes a letter may have with its files, as their documentation says.
    """

    needs: tuple[str, ...]
    views: Mapping[What, str]
    may: tuple[str, ...] = ()
    signing: Mapping[What, str] | None = None
    headers: Mapping[str, str] | None = None
    view_needs: Mapping[What, str] = field(default_factory=dict)
    tracks: bool = True
    signs_always: bool = False
    largest: int = 20_000_000

    def signing_key(self, what: What) -> str:
        """The name of the setting, "" when calls at this door are not signed."""
        return (self.signing or {}).get(what, "")


def _views(name: str) -> dict[What, str]:
    views = f"anymail.webhooks.{name.lower()}.{name}"
    return {What.RECEIPTS: f"{views}TrackingWebhookView", What.INBOUND: f"{views}InboundWebhookView"}


_MAILGUN_KEY, _SENDGRID_KEY = "webhook_signing_key", "tracking_webhook_verification_key"
ESPS: Mapping[str, Esp] = {
    "mailgun": Esp(
        needs=("api_key",),
        may=("sender_domain",),
        views=_views("Mailgun"),
        signing={What.RECEIPTS: _MAILGUN_KEY, What.INBOUND: _MAILGUN_KEY},
        signs_always=True,
        largest=25_000_000,
    ),
    "sendgrid": Esp(
        needs=("api_key",), views=_views("SendGrid"), signing={What.RECEIPTS: _SENDGRID_KEY}, largest=30_000_000
    ),
    "postmark": Esp(
        needs=("server_token",), views=_views("Postmark"), headers={"X-PM-KeepID": "true"}, largest=10_000_000
    ),
    "brevo": Esp(
        needs=("api_key",),
        views={**_views("Brevo"), What.INBOUND: "messaging.providers.anymail.brevo.BrevoLetters"},
        view_needs={What.INBOUND: "api_key"},
        tracks=False,
    ),
    "mailjet": Esp(needs=("api_key", "secret_key"), views=_views("Mailjet"), largest=15_000_000),
    "sparkpost": Esp(needs=("api_key",), views=_views("SparkPost")),
}


class Settings(Shape):
    """
    Attributes:
        settings: what django-anymail calls them, without the service's name: {"api_key": "…"}.
        webhook_secret: "user:password", as it stands in the addresses given to the service: https://user:password@…
        reply_domain: see messaging.channels.answers.
        track_opens, track_clicks: whether the service is to tell of them; None leaves it to the account's own setting.
    """

    esp: str
    settings: dict[str, Annotated[str, Field(min_length=1, max_length=2_000)]]
    webhook_secret: Annotated[str, Field(pattern=r"^([^:\s]+:[^\s]+)?$", max_length=200)] = ""
    reply_domain: str = ""
    track_opens: bool | None = None
    track_clicks: bool | None = None

    @property
    def service(self) -> Esp:
        return ESPS[self.esp]

    @property
    def doors(self) -> frozenset[str]:
        """Those that open: where there is something to verify a call by."""
        return frozenset(what for what in self.service.views if self._can_verify(what))

    def _can_verify(self, what: What) -> bool:
        if self.service.signing_key(what) in self.settings:
            return True
        return bool(self.webhook_secret) and not self.service.signs_always

    @property
    def for_backend(self) -> dict[str, str]:
        """What its backend is made with."""
        keys = set((self.service.signing or {}).values())
        return {name: value for name, value in self.settings.items() if name not in keys}


def check_settings(config: Mapping[str, Any]) -> list[ConfigFault]:
    """What is wrong with them, with where."""
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        return faults_of(error)
    esp = ESPS.get(settings.esp)
    if esp is None:
        return [ConfigFault("esp", str(_("is none of %s")) % ", ".join(ESPS))]
    tracking = [name for name in ("track_opens", "track_clicks") if getattr(settings, name) is not None]
    known = {*esp.needs, *esp.may, *(esp.signing or {}).values(), "api_url"}
    return [
        *reply_domain_faults(config),
        *(ConfigFault(name, str(_("is set in the account of this service"))) for name in tracking if not esp.tracks),
        *(ConfigFault(f"settings.{name}", str(_("is missing"))) for name in esp.needs if name not in settings.settings),
        *(ConfigFault(f"settings.{name}", str(_("is not known"))) for name in settings.settings if name not in known),
    ]


def _example(name: str, esp: Esp) -> Preset:
    """Settings to start from, under the service's own spelling."""
    keys = dict.fromkeys([*esp.needs, *(esp.signing or {}).values()])
    config = {
        "esp": name,
        "settings": {key: f"YOUR {key.upper().replace('_', ' ')}" for key in keys},
        "webhook_secret": "waymark:A-SECRET-OF-YOUR-OWN",
    }
    label = esp.views[What.RECEIPTS].rpartition(".")[2].removesuffix("TrackingWebhookView")
    return Preset(label, config)


PRESETS: Mapping[str, Preset] = {name: _example(name, esp) for name, esp in ESPS.items()}
