"""The provider itself: requests out, calls in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import aiohttp

from crm.lib.among import Among
from crm.lib.uploads import LARGEST
from messaging.channels.base import Accepted, ConfigFault, Outcome, Parcel, Preset, Repeat, Traits, Uncertain
from messaging.channels.calls import Call, FileIn, Heard, What
from messaging.channels.downloads import download
from messaging.channels.wire import Wire
from messaging.models import Message
from messaging.providers.twilio import hearing
from messaging.providers.twilio.answers import understand
from messaging.providers.twilio.config import Settings, check_settings

# A page of the newest messages to one number: nobody gets more while an answer is lost.
PAGE = 20
_STORE = "s3-external-1.amazonaws.com"  # Amazon's own host: only Twilio's bucket there is Twilio's
# Twilio's clock may be behind ours.
SKEW = timedelta(seconds=60)


class TwilioProvider:
    """
    Twilio remembers no key of ours. Its receipts bring our key back, since it stands in the address we give for them;
    where none comes, the account's list of messages to that number is looked through for the text.
    """

    # Each message says where its receipts go; only the address for inbound texts is entered at Twilio.
    traits = Traits(
        channels=frozenset({"sms"}), repeat=Repeat.LOOKUP, batch=250, in_flight=50, doors=frozenset({What.INBOUND})
    )
    presets = {
        "account": Preset("Twilio", {"account_sid": f"AC{'0' * 32}", "auth_token": "YOUR AUTH TOKEN"}),
    }

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = Settings.model_validate(config)
        self._headers = {"Authorization": aiohttp.encode_basic_auth(*self._settings.credentials)}
        self._wire = Wire(self.traits)

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return check_settings(config)

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        return self._wire.carry(parcels, self._deliver)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        messages = list(Message.objects.filter(public_id__in=keys).order_by("wire_at", "pk"))
        if not messages:
            return {}
        listed = self._wire.ask(sorted({message.address for message in messages}), self._list)
        sids = [row["sid"] for rows in listed.values() for row in rows]
        taken = set(
            Message.objects.filter(Among("provider_reference", sids)).values_list("provider_reference", flat=True)
        )
        found: dict[str, str] = {}
        for message in messages:
            sid = _find(message, listed[message.address], taken)
            if sid:
                found[message.key] = sid
                taken.add(sid)
        return found

    def hear(self, call: Call, *, now: datetime) -> Heard:
        return hearing.hear(call, auth_token=self._settings.auth_token, now=now)

    async def fetch(self, reference: str, *, now: datetime) -> FileIn:
        url = f"{self._settings.api_url}/2010-04-01/Accounts/{reference}"
        return await download(url, headers=self._headers, most=LARGEST, now=now, leads=self._is_twilios)

    def _is_twilios(self, address: SplitResult) -> bool:
        """Twilio answers with the address of its store."""
        host, own = address.hostname or "", urlsplit(self._settings.api_url)
        return (
            host.endswith((".twilio.com", ".twiliocdn.com"))
            or (host == _STORE and address.path.startswith("/media.twiliocdn.com/"))
            or address.netloc == own.netloc
        )

    async def _deliver(self, parcel: Parcel) -> Accepted:
        # SmartEncoded would change the text, whose segments we have counted and by which we find it again.
        form = {"To": parcel.to, "Body": parcel.body, "SmartEncoded": "false"}
        if self._settings.messaging_service_sid:
            form["MessagingServiceSid"] = self._settings.messaging_service_sid
        else:
            form["From"] = parcel.sender
        if parcel.receipts_url:
            form["StatusCallback"] = f"{parcel.receipts_url}?{urlencode({hearing.KEY: parcel.key})}"
        answer = await self._wire.call("POST", self._settings.messages_url, data=form, headers=self._headers)
        return understand(answer, now=parcel.at)

    async def _list(self, number: str) -> list[dict[str, Any]]:
        """
        The newest messages to `number`, newest first. Not by date: DateSent is empty until a message has left, and one
        that waits at Twilio must not be taken for one that it has not.
        """
        answer = await self._wire.call(
            "GET", self._settings.messages_url, params={"To": number, "PageSize": str(PAGE)}, headers=self._headers
        )
        rows = answer.json.get("messages") if isinstance(answer.json, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("sid") for row in rows):
            raise Uncertain(f"{answer.status} {answer.body[:300]}")
        return rows


def _find(message: Message, rows: Sequence[Mapping[str, Any]], taken: Collection[str]) -> str:
    """The SID among `rows` that must be `message`: the oldest of its text since its call started. "" for none."""
    for row in reversed(rows):
        is_since = message.wire_at is None or _created_at(row) >= message.wire_at - SKEW
        # Some accounts keep no texts, and trial accounts put a line before them.
        body = row.get("body") or ""
        is_its_text = not body or body.endswith(message.body)
        if row["sid"] not in taken and is_since and is_its_text:
            return str(row["sid"])
    return ""


def _created_at(row: Mapping[str, Any]) -> datetime:
    try:
        return parsedate_to_datetime(str(row.get("date_created")))
    except ValueError as error:
        raise Uncertain(f"a message of {row.get('date_created')!r}") from error
