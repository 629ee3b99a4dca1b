"""What is entered for a Twilio account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationError

from messaging.channels.base import ConfigFault
from messaging.channels.shapes import Shape, faults_of

Text = Annotated[str, Field(min_length=1, max_length=200)]


class Settings(Shape):
    """
    Attributes:
        auth_token: proves to us that a call comes from Twilio; proves us to Twilio where no API key is entered.
        messaging_service_sid: sends from the numbers of that service rather than from the channel's sender.
        api_url: where the API is, for accounts of another region.
    """

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    auth_token: Text
    api_key: Annotated[str, Field(pattern=r"^(SK[0-9a-fA-F]{32})?$")] = ""
    api_secret: Annotated[str, Field(max_length=200)] = ""
    messaging_service_sid: Annotated[str, Field(pattern=r"^(MG[0-9a-fA-F]{32})?$")] = ""
    api_url: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")] = "https://api.twilio.com"

    @property
    def credentials(self) -> tuple[str, str]:
        """User name and password of the API."""
        return (self.api_key, self.api_secret) if self.api_key else (self.account_sid, self.auth_token)

    @property
    def messages_url(self) -> str:
        return f"{self.api_url}/2010-04-01/Accounts/{self.account_sid}/Messages.json"


def check_settings(config: Mapping[str, Any]) -> list[ConfigFault]:
    """What is wrong with them, with where."""
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        return faults_of(error)
    if bool(settings.api_key) != bool(settings.api_secret):
        return [ConfigFault("api_secret", str(_("goes with api_key: enter both or neither")))]
    return []
