"""What LINE tells at our door: events of people who follow, leave and write."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from crm.lib.strict_json import InvalidJSON, read_object
from messaging.channels.calls import (
    BadSignature,
    Call,
    FileThere,
    Heard,
    InboundIn,
    Kind,
    NoSuchDoor,
    UnreadableCall,
    What,
)

NAME = "line"
_WITH_CONTENT = ("image", "video", "audio", "file")
_MESSAGE_ID = re.compile(r"[0-9]{1,40}")
_KINDS = {
    "message": Kind.WROTE, "follow": Kind.FOLLOWED, "unfollow": Kind.LEFT, "postback": Kind.WROTE,
    "unsend": Kind.UNSENT,
}  # fmt: skip


def hear(call: Call, *, channel_secret: str) -> Heard:
    """
    The events of a call; none for the console's "Verify".

    What is said in a group is not said to us, and what has no sender nobody could be told about: both are left out.

    Raises:
        messaging.channels.calls.Refused
    """
    if call.what == What.RECEIPTS:
        raise NoSuchDoor
    if not _is_signed(call, channel_secret):
        raise BadSignature
    try:
        events = read_object(call.body).get("events")
    except InvalidJSON as error:
        raise UnreadableCall(error.message) from error
    if not isinstance(events, list):
        raise UnreadableCall("events must be a list")
    inbound: list[InboundIn] = []
    unread: list[str] = []
    for event in events:
        try:
            inbound += _inbound(event) if isinstance(event, dict) else ()
        except UnreadableCall as error:
            unread.append(str(error))
    if unread and not inbound:
        raise UnreadableCall(unread[0])
    return Heard(inbound=inbound, unread=unread)


def signature(body: bytes, channel_secret: str) -> str:
    return base64.b64encode(hmac.new(channel_secret.encode(), body, hashlib.sha256).digest()).decode()


def _is_signed(call: Call, channel_secret: str) -> bool:
    given = call.headers.get("x-line-signature", "")
    return hmac.compare_digest(signature(call.body, channel_secret).encode(), given.encode())


def _inbound(event: Mapping[str, Any]) -> Iterator[InboundIn]:
    kind = _KINDS.get(str(event.get("type")))
    source = _object(event, "source")
    if kind is None or source.get("type") != "user" or not _text(source, "userId"):
        return
    event_id, at = _text(event, "webhookEventId"), event.get("timestamp")
    if not event_id or not isinstance(at, int):
        raise UnreadableCall("an event needs webhookEventId and timestamp")
    try:
        happened_at = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableCall("a timestamp is no time") from error
    message_id = _text(_object(event, "unsend"), "messageId") or _text(_object(event, "message"), "id")
    if kind == Kind.UNSENT and not _MESSAGE_ID.fullmatch(message_id):
        raise UnreadableCall("an unsend event needs the messageId")
    files = list(_files(event))
    yield InboundIn(
        provider=NAME,
        # A redelivery has the id of the first delivery.
        provider_id=event_id,
        from_address=_text(source, "userId"),
        at=happened_at,
        kind=kind,
        body="" if files else _body(event),
        message_id=message_id if _MESSAGE_ID.fullmatch(message_id) else "",
        files_there=files,
        reply_token=_text(event, "replyToken"),
    )


def _body(event: Mapping[str, Any]) -> str:
    """What was said, as text; what is none, and is not fetched, is named."""
    if event.get("type") == "postback":
        return _text(_object(event, "postback"), "data")
    message = _object(event, "message")
    kind = _text(message, "type")
    if kind == "text":
        return _text(message, "text")
    if kind == "sticker":
        keywords = message.get("keywords")
        words = [str(word) for word in keywords[:3]] if isinstance(keywords, list) else []
        return f"[{' '.join(['sticker:', *words]) if words else 'sticker'}]"
    if kind == "location":
        place = [_text(message, "title"), _text(message, "address")]
        where = [str(message[name]) for name in ("latitude", "longitude") if isinstance(message.get(name), int | float)]
        return " ".join(filter(None, ("[location]", *place, ", ".join(where))))
    return f"[{kind}] {_text(message, 'fileName')}".strip() if kind else ""


def _files(event: Mapping[str, Any]) -> Iterator[FileThere]:
    """What LINE keeps of it for a while. What an app has put there is somewhere else, where we do not go."""
    message = _object(event, "message")
    kind, message_id = _text(message, "type"), _text(message, "id")
    is_elsewhere = _text(_object(message, "contentProvider"), "type") not in ("", "line")
    if (
        event.get("type") == "message"
        and kind in _WITH_CONTENT
        and not is_elsewhere
        and _MESSAGE_ID.fullmatch(message_id)
    ):
        yield FileThere(message_id, _text(message, "fileName") or kind)


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    inner = value.get(name)
    return inner if isinstance(inner, str) else ""
