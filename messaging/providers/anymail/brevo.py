"""Letters that came to Brevo, whose attachments it keeps until they are fetched with the account's key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from anymail.inbound import AnymailInboundMessage
from anymail.webhooks.brevo import BrevoInboundWebhookView

from crm.lib.uploads import LARGEST
from messaging.channels.base import PermanentFailure
from messaging.channels.calls import FileIn
from messaging.channels.downloads import download

API = "https://api.brevo.com/v3"


class BrevoLetters(BrevoInboundWebhookView):  # type: ignore[misc] # ships no types
    """Leaves attachments where they are: django-anymail's view would fetch them while Brevo waits for our answer."""

    def _fetch_attachment(self, attachment: Mapping[str, Any]) -> Any:
        part: Any = AnymailInboundMessage.construct_attachment(
            content_type="application/octet-stream", content=b"", filename=str(attachment.get("Name") or "")
        )
        part.download_token = str(attachment["DownloadToken"])
        return part


async def fetch(token: str, settings: Mapping[str, str], *, now: datetime) -> FileIn:
    """
    One attachment.

    Raises:
        messaging.channels.base.Failure
    """
    if "api_key" not in settings:
        raise PermanentFailure("the channel has another service now")
    url = f"{settings.get('api_url', API).rstrip('/')}/inbound/attachments/{quote(token, safe='')}"
    return await download(url, headers={"api-key": settings["api_key"]}, most=LARGEST, now=now)
