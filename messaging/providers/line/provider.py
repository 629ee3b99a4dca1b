"""The provider itself: messages out, events in."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import aiohttp
from pydantic import Field, ValidationError

from crm.lib.uploads import LARGEST, LARGEST_TOGETHER
from messaging.channels.base import (
    Accepted,
    ConfigFault,
    FileOut,
    Outcome,
    Parcel,
    PermanentFailure,
    Preset,
    Repeat,
    Traits,
    Uncertain,
)
from messaging.channels.calls import Call, FileIn, Heard, What
from messaging.channels.downloads import download
from messaging.channels.shapes import Shape, faults_of
from messaging.channels.wire import Answer, Wire
from messaging.providers.line import hearing
from messaging.providers.line.answers import is_used_token, understand

# A text has at most 5,000 UTF-16 code units, a call at most five texts and pictures.
LONGEST_TEXT = 5_000
MOST_MESSAGES = 5
# Seconds for a reply, so that there is time to ask about it and to push instead.
REPLY_TIMEOUT = 3

_Secret = Annotated[str, Field(min_length=1, max_length=1_000)]


class Settings(Shape):
    """The first two stand in the LINE Developers console, Messaging API channel."""

    channel_access_token: _Secret
    channel_secret: _Secret
    api_url: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")] = "https://api.line.me"
    data_url: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")] = "https://api-data.line.me"


class LineProvider:
    """
    An answer to what somebody has just written goes out by its reply token, which costs nothing; all else is pushed,
    under a retry key that makes repeating safe.
    """

    traits = Traits(
        channels=frozenset({"line"}), repeat=Repeat.KEY, key_life=timedelta(hours=24), batch=500, in_flight=100,
        doors=frozenset({What.HOOK}), largest=LARGEST_TOGETHER,
    )  # fmt: skip
    presets = {
        "account": Preset("LINE", {"channel_access_token": "YOUR TOKEN", "channel_secret": "YOUR SECRET"}),
    }

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = Settings.model_validate(config)
        self._headers = {"Authorization": f"Bearer {self._settings.channel_access_token}"}
        self._wire = Wire(self.traits)

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        try:
            Settings.model_validate(config)
        except ValidationError as error:
            return faults_of(error)
        return []

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        return self._wire.carry(parcels, self._deliver)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {}  # repeating by key is enough

    def hear(self, call: Call, *, now: datetime) -> Heard:
        return hearing.hear(call, channel_secret=self._settings.channel_secret)

    async def fetch(self, reference: str, *, now: datetime) -> FileIn:
        url = f"{self._settings.data_url}/v2/bot/message/{reference}/content"
        return await download(url, headers=self._headers, most=LARGEST, now=now)

    async def _deliver(self, parcel: Parcel) -> Accepted:
        messages: list[Mapping[str, str]] = [{"type": "text", "text": text} for text in split(parcel.body)]
        messages += [_picture(file) for file in parcel.files if file.is_shown]
        if len(messages) > MOST_MESSAGES:
            raise PermanentFailure(
                f"a call takes {MOST_MESSAGES} messages: texts of up to {LONGEST_TEXT:,} characters and pictures"
            )
        if parcel.reply_token and (answered := await self._reply(parcel, messages)):
            return answered
        return understand(
            await self._call("push", {"to": parcel.to, "messages": messages}, {"X-Line-Retry-Key": retry_key(parcel)}),
            now=parcel.at,
        )

    async def _reply(self, parcel: Parcel, messages: Sequence[Mapping[str, str]]) -> Accepted | None:
        """
        Answer by the reply token; None when it is of no more use, and nothing was sent by it.

        A reply has no retry key, but its token is good only once: asked again after a lost answer, LINE either takes
        the reply now or says that the token is used, which then was by us.
        """
        body = {"replyToken": parcel.reply_token, "messages": messages}
        timeout = aiohttp.ClientTimeout(total=REPLY_TIMEOUT)
        try:
            answer = await self._call("reply", body, {}, timeout=timeout)
            if is_used_token(answer):
                return None
            return understand(answer, now=parcel.at)
        except (Uncertain, TimeoutError):
            answer = await self._call("reply", body, {}, timeout=timeout)
            return Accepted(f"reply-{parcel.key}") if is_used_token(answer) else understand(answer, now=parcel.at)

    async def _call(self, verb: str, body: Mapping[str, Any], headers: Mapping[str, str], **options: Any) -> Answer:
        url = f"{self._settings.api_url}/v2/bot/message/{verb}"
        return await self._wire.call("POST", url, json=body, headers={**self._headers, **headers}, **options)


def _picture(file: FileOut) -> Mapping[str, str]:
    """LINE fetches both addresses; see messaging.channels.enclosures for what it takes as a picture."""
    return {"type": "image", "originalContentUrl": file.url, "previewImageUrl": file.url}


def retry_key(parcel: Parcel) -> str:
    """The same for every try of one message."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, parcel.key))


def split(text: str) -> list[str]:
    """`text` in parts that LINE takes, broken at the last line break or space that leaves no tiny part."""
    parts: list[str] = []
    while len(rest := text.encode("utf-16-le")) > 2 * LONGEST_TEXT:
        # A surrogate pair cut in half is left to the next part.
        head = rest[: 2 * LONGEST_TEXT].decode("utf-16-le", "ignore")
        cut = max(head.rfind("\n"), head.rfind(" "))
        head = head[: cut + 1] if cut > len(head) // 2 else head
        parts.append(head.rstrip() or head)
        text = text[len(head) :]
    return [*parts, text] if text or not parts else parts
