"""What a gateway tells at our doors, by the paths its settings name. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from crm.lib.strict_json import InvalidJSON, read_object
from messaging.channels.base import ReceiptIn
from messaging.channels.calls import BadSignature, Call, Heard, InboundIn, NoSuchDoor, UnreadableCall, What
from messaging.providers.http_sms.config import Door, Hmac, Inbound, Receipts, Settings
from messaging.providers.http_sms.paths import read_text
from messaging.providers.http_sms.texts import key_of

NAME = "http_sms"
MOST = 1_000  # receipts or texts in one call
MOST_FIELDS = 200
_LONGEST_ID = 200
_MILLISECONDS = 10**11  # an epoch beyond this is not in seconds
Item = Mapping[str, Any]
Told = TypeVar("Told")


def hear(call: Call, settings: Settings, *, now: datetime) -> Heard:
    """
    Verify a call and read it.

    Raises:
        messaging.channels.calls.Refused: see there.
    """
    if call.what == What.RECEIPTS and settings.receipts:
        paths = settings.receipts
        receipts, unread = _read(_told(call, paths), lambda item: _receipt(item, paths, now))
        return Heard(receipts=receipts, unread=unread)
    if call.what == What.INBOUND and settings.inbound:
        inbound_paths = settings.inbound
        inbound, unread = _read(_told(call, inbound_paths), lambda item: _text(item, inbound_paths, now))
        return Heard(inbound=inbound, unread=unread)
    raise NoSuchDoor


# --- Who calls ------------------------------------------------------------------------------------


def _told(call: Call, door: Door) -> Sequence[Item]:
    """What the call says, once it has shown that it is the gateway's."""
    if not (_is_signed(call, door.hmac) if door.hmac else _shows_secret(call, door)):
        raise BadSignature
    # A signature covers the body alone: beside it the query is anybody's.
    query = {} if door.hmac else {name: value for name, value in call.query.items() if name != _in_query(door)}
    items = [{**query, **item} for item in _items(call)] if call.body.strip() else [query]
    if not items or not all(items):
        raise UnreadableCall("it says nothing")
    if len(items) > MOST:
        raise UnreadableCall(f"more than {MOST} at once")
    return items


def _in_query(door: Door) -> str:
    """Under which name the secret stands in the address; "" when it does not."""
    kind, _, name = door.secret_in.partition(":")
    return name if kind == "query" else ""


def _shows_secret(call: Call, door: Door) -> bool:
    kind, _, name = door.secret_in.partition(":")
    shown = call.headers.get(name.lower(), "") if kind == "header" else call.query.get(name, "")
    return door.secret is not None and hmac.compare_digest(_bytes(shown), door.secret.encode())


def _is_signed(call: Call, lock: Hmac) -> bool:
    digest = hmac.digest(lock.secret.encode(), call.body, lock.algorithm)
    shown = call.headers.get(lock.header.lower(), "").removeprefix(f"{lock.algorithm}=")
    right = digest.hex() if lock.encoding == "hex" else base64.b64encode(digest).decode()
    return hmac.compare_digest(_bytes(shown.lower() if lock.encoding == "hex" else shown), right.encode())


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


# --- What they say --------------------------------------------------------------------------------


def _items(call: Call) -> list[Item]:
    """The body: an object, a list of them, or a form."""
    start = call.body.lstrip()[:1]
    if start in (b"{", b"["):
        # In an object of our own, so that a list is read as strictly as an object is.
        try:
            whole = read_object(b'{"items":' + call.body + b"}")
        except InvalidJSON as error:
            raise UnreadableCall(error.message) from error
        items = whole["items"] if isinstance(whole["items"], list) else [whole["items"]]
        if len(whole) > 1 or not all(isinstance(item, dict) for item in items):
            raise UnreadableCall("a list of something other than objects")
        return items
    try:
        return [dict(parse_qsl(call.body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))]
    except ValueError as error:
        raise UnreadableCall(str(error)) from error


def _read(told: Sequence[Item], read: Callable[[Item], Told]) -> tuple[list[Told], list[str]]:
    """
    What each of them says, and what was wrong with those that make no sense.

    Raises:
        UnreadableCall: none does.
    """
    found: list[Told] = []
    unread: list[str] = []
    for item in told:
        try:
            found.append(read(item))
        except UnreadableCall as error:
            unread.append(str(error))
    if not found:
        raise UnreadableCall("; ".join(dict.fromkeys(unread))[:500])
    return found, unread


def _receipt(item: Item, paths: Receipts, now: datetime) -> ReceiptIn:
    state = _needed(item, paths.status, "receipts.status")
    news = {name.casefold(): news for name, news in paths.states.items()}.get(state.casefold())
    if news is None:
        raise UnreadableCall(f"receipts.states does not know {state[:100]!r}")
    reference = _optional(item, paths.reference)
    key = key_of(_optional(item, paths.key))
    if not reference and not key:
        raise UnreadableCall("receipts.reference: the receipt does not say whose it is")
    event = _optional(item, paths.event_id) or f"{reference or key}:{state}"
    return ReceiptIn(
        provider=NAME,
        event_id=_short(event),
        news=news,
        at=_moment(_optional(item, paths.at), now),
        key=key,
        reference=reference,
        detail=_optional(item, paths.detail)[:500],
        raw=item,
    )


def _text(item: Item, paths: Inbound, now: datetime) -> InboundIn:
    sender, text = _needed(item, paths.sender, "inbound.from"), _optional(item, paths.text)
    at = _optional(item, paths.at)
    # Without an id the same words within the hour are the same text: gateways repeat what was not answered in time.
    same = (sender, text, at or now.strftime("%Y-%m-%dT%H"))
    return InboundIn(
        provider=NAME,
        provider_id=_short(_optional(item, paths.id) or hashlib.sha256(repr(same).encode()).hexdigest()),
        from_address=_international(sender),
        at=_moment(at, now),
        body=text,
        to=_optional(item, paths.to),
    )


def _optional(item: Item, path: str | None) -> str:
    return read_text(item, path) if path else ""


def _needed(item: Item, path: str, where: str) -> str:
    if text := read_text(item, path):
        return text
    raise UnreadableCall(f"{where}: there is no {path}")


def _short(event: str) -> str:
    return event if len(event) <= _LONGEST_ID else hashlib.sha256(event.encode(errors="replace")).hexdigest()


def _international(sender: str) -> str:
    """Gateways leave out the plus sign; a number as it is dialled at home begins with 0, or is shorter."""
    return f"+{sender}" if sender.isascii() and sender.isdigit() and sender[0] != "0" and len(sender) > 10 else sender


def _moment(text: str, now: datetime) -> datetime:
    """ISO 8601 with a zone, or seconds or milliseconds since 1970; `now` for anything else, and for the future."""
    try:
        if text.isascii() and text.replace(".", "", 1).isdigit():
            epoch = float(text)
            at = datetime.fromtimestamp(epoch / 1000 if epoch > _MILLISECONDS else epoch, UTC)
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return now
    return min(at, now) if at.tzinfo else now
