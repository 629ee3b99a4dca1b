"""What email services tell at our doors, read by django-anymail's own webhook views."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import EventType, RejectReason
from django.core.handlers.wsgi import WSGIRequest
from django.utils.module_loading import import_string

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import BadSignature, Call, Heard, NoSuchDoor, StaleCall, UnreadableCall, What
from messaging.providers.anymail.bounds import MOST_PARTS, has_too_many_parts
from messaging.providers.anymail.esps import Settings
from messaging.providers.anymail.forms import read_multipart
from messaging.providers.anymail.reading import read_letter
from messaging.texts.machines import machine_in

NAME = "anymail"
# Our key among a letter's metadata, which comes back with what becomes of it.
KEY = "waymark_key"
MAX_SKEW = timedelta(minutes=5)
Told = TypeVar("Told")
# RFC 3463: a status of the mail server in its own words, and those that name the mailbox as the fault.
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_NO_SUCH_MAILBOX = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
_HARD, _SOFT = frozenset({"bounce", "hard_bounced"}), frozenset({"SoftBounce", "blocked", "soft_bounced"})

_NEWS = {
    EventType.QUEUED: News.SENT,
    EventType.SENT: News.SENT,
    EventType.DELIVERED: News.DELIVERED,
    EventType.FAILED: News.UNDELIVERED,
    EventType.COMPLAINED: News.COMPLAINED,
    EventType.UNSUBSCRIBED: News.UNSUBSCRIBED,
    EventType.OPENED: News.OPENED,
    EventType.CLICKED: News.CLICKED,
}


def hear(call: Call, settings: Settings, *, now: datetime) -> Heard:
    """
    Receipts at one door, a letter at the other.

    Raises:
        messaging.channels.calls.Refused
    """
    view = _view(call, settings)
    try:
        request = _request(call)
        view.run_validators(request)
        signed_at = _signed_at(call, request, settings)
    except AnymailWebhookValidationFailure as error:
        raise BadSignature from error
    except Exception as error:
        raise UnreadableCall("the body cannot be read") from error
    if signed_at is not None and abs(now - signed_at) > MAX_SKEW:
        raise StaleCall
    if has_too_many_parts(call.body):
        raise UnreadableCall(f"a letter of more than {MOST_PARTS:,} parts")
    if call.what == What.INBOUND:
        return Heard(inbound=_read(view, request, lambda event: [read_letter(event, provider=NAME, now=now)]))
    unread: list[str] = []
    receipts: list[ReceiptIn] = []
    for part in _parts(request):
        try:
            receipts += _read(view, part, lambda event: _receipts(event, now))
        except UnreadableCall as error:
            unread.append(str(error))
    if unread and not receipts:
        raise UnreadableCall(unread[0])
    return Heard(receipts=receipts, unread=unread)


def _read(view: Any, request: Any, read: Callable[[Any], Iterable[Told]]) -> list[Told]:
    """
    What `read` makes of each event in the call.

    Raises:
        UnreadableCall: their parsers take what services send for granted; what others send breaks them anywhere.
    """
    try:
        return [told for event in view.parse_events(request) for told in read(event)]
    except AnymailConfigurationError as error:
        raise UnreadableCall(str(error)) from error
    except Exception as error:
        raise UnreadableCall(f"{type(error).__name__} while reading it") from error


def _parts(request: Any) -> Iterator[Any]:
    """The call once for each event of a list, so that one that makes no sense takes no other with it."""
    try:
        events = json.loads(request.body)
    except (ValueError, RecursionError):
        events = None
    if not isinstance(events, list) or not events:
        yield request
        return
    for event in events:
        request._body = json.dumps([event]).encode()
        yield request


def _view(call: Call, settings: Settings) -> Any:
    """
    The view for this door, with what it verifies by: the secret in the address, the service's signature, or both.

    Raises:
        NoSuchDoor: neither was entered.
    """
    if call.what not in settings.doors or call.method != "POST":
        raise NoSuchDoor
    name = settings.service.views[call.what]
    key = settings.service.signing_key(call.what)
    options: dict[str, Any] = {key: settings.settings[key]} if key in settings.settings else {}
    if needs := settings.service.view_needs.get(call.what):
        options[needs] = settings.settings[needs]
    options["webhook_secret"] = [settings.webhook_secret] if settings.webhook_secret else []
    try:
        return import_string(name)(**options)
    except (AnymailConfigurationError, ValueError) as error:
        raise NoSuchDoor from error


def _request(call: Call) -> Any:
    """The call as Django's request, which the views read."""
    names = {"content-type": "CONTENT_TYPE"}
    headers = {names.get(name, f"HTTP_{name.upper().replace('-', '_')}"): text for name, text in call.headers.items()}
    environ = {
        **headers,
        "REQUEST_METHOD": call.method,
        "PATH_INFO": "/",
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.input": io.BytesIO(call.body),
    }
    request: Any = WSGIRequest(environ)
    request._body = call.body
    if request.content_type == "multipart/form-data":
        request._post, request._files = read_multipart(call.body, call.headers.get("content-type", ""))
    return request


def _signed_at(call: Call, request: Any, settings: Settings) -> datetime | None:
    """
    When the call was signed, where that is covered by the signature; None where it is not.

    Raises:
        Exception: it does not say, or not in seconds since 1970.
    """
    if settings.esp == "sendgrid" and settings.service.signing_key(call.what) in settings.settings:
        said = request.headers["X-Twilio-Email-Event-Webhook-Timestamp"]
    elif settings.esp == "mailgun":
        is_json = request.content_type == "application/json"
        said = json.loads(call.body)["signature"]["timestamp"] if is_json else request.POST["timestamp"]
    else:
        return None
    return datetime.fromtimestamp(int(said), UTC)


def _receipts(event: Any, now: datetime) -> Iterator[ReceiptIn]:
    news = _news(event)
    reference = str(event.message_id or "")
    key = str((event.metadata or {}).get(KEY, ""))
    if news is None or not (reference or key):
        return
    at = event.timestamp or now
    yield ReceiptIn(
        provider=NAME,
        event_id=_event_id(event, reference or key),
        news=news,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        key=key,
        reference=reference,
        detail=str(event.mta_response or event.description or event.reject_reason or "")[:500],
        raw=dict(event.esp_event.items()) if isinstance(event.esp_event, Mapping) else {},
        url=str(event.click_url or "") if news == News.CLICKED else "",
        bot_because=_machine_in(event, news),
    )


def _machine_in(event: Any, news: News) -> str:
    """By what a program that opened or clicked gave itself away; Gmail fetches pictures when somebody looks."""
    because = machine_in(str(event.user_agent or ""))
    return "" if news == News.OPENED and because == "googleimageproxy" else because


def _event_id(event: Any, reference: str) -> str:
    """
    The same for the same event: not every service gives an id, and some a new one each time they tell it.
    """
    when = event.timestamp.isoformat() if event.timestamp else event.event_id
    parts = (reference, event.recipient, event.event_type, when, event.click_url)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _news(event: Any) -> News | None:
    """What an event reports; None for what says nothing yet, such as a delay."""
    if event.event_type == EventType.BOUNCED:
        return News.UNKNOWN_ADDRESS if _is_hard(event) else News.UNDELIVERED
    if event.event_type == EventType.REJECTED:
        if event.reject_reason in (RejectReason.INVALID, RejectReason.BOUNCED):
            return News.UNKNOWN_ADDRESS
        is_theirs = event.reject_reason in (RejectReason.SPAM, RejectReason.UNSUBSCRIBED)
        return News.BLOCKED if is_theirs else News.UNDELIVERED
    return _NEWS.get(event.event_type)


def _is_hard(event: Any) -> bool:
    """Does the mailbox not exist? A server that says why it bounced is believed before a service's summary."""
    status = _STATUS.search(f"{event.mta_response or ''} {event.description or ''}")
    if status:
        return status[0] in _NO_SUCH_MAILBOX
    said = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    kind = str(said.get("type") or said.get("Type") or "")
    return kind in _HARD or (kind not in _SOFT and event.reject_reason in (RejectReason.INVALID, RejectReason.BOUNCED))
