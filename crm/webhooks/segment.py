"""
The door that Segment's and RudderStack's own client libraries knock at.

Its manners are theirs, not ours: every answer to a client that may be old is 200 with {"success": true}, since some
retry anything else ten times over; errors carry `code`, `message` and `error`; any content type is JSON.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import cache
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from crm.lib import backlog, rates
from crm.lib.bodies import BodyTooLarge, BodyUnreadable, read_body
from crm.lib.strict_json import InvalidJSON, read_object
from crm.models import Shop, Source
from crm.services import ingest
from crm.services.ingest import Item, Reject
from crm.services.reports import Status
from crm.webhooks.messages import Reader, Unreadable, moment_of

logger = logging.getLogger("waymark.segment")
MAX_BODY = 500 * 1024  # bytes, unpacked
MAX_MESSAGE = 32 * 1024
MAX_MESSAGES = 2500
# A browser sends one call an event, so a source may call more often than an API key, which sends batches.
RATE_FACTOR = 10
# The short paths of the browser library.
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}
ALLOWED_HEADERS = "authorization, content-type, content-encoding, x-retry-count, anonymousid, sentat, rsa-recovered"

View = Callable[..., HttpResponse]


class Refused(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


def door(view: View) -> View:
    """Answer preflights, let the source's own origins in, and put errors into the words that the clients read."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            response = HttpResponse(status=204)
        else:
            try:
                response = view(request, *args, **kwargs)
            except Refused as refused:
                response = _refusal(refused)
            except (OperationalError, InterfaceError):
                logger.exception("the database does not answer")
                response = _refusal(Refused(503, "db_unavailable", "Try again", retry_after=5))
            except Exception:
                logger.exception("%s failed", request.path)
                response = _refusal(Refused(500, "internal", "We failed; our log says why"))
        return _share(request, response)

    return guarded


@door
def collect(request: HttpRequest, kind: str) -> HttpResponse:
    """Take one message of `kind`, or a batch of any."""
    if request.method != "POST":
        raise Refused(405, "method_not_allowed", "Only POST is taken here")
    now = timezone.now()
    body = _read(request)
    source = _source(_write_keys(request, body), now)
    if source is not None:
        if backlog.is_full(now):
            raise Refused(503, "backlog_full", "Too many events wait; try again", retry_after=backlog.RETRY_AFTER)
        _take(body, SHORT.get(kind, kind), source, now)
    return JsonResponse({"success": True})


@door
def project_settings(request: HttpRequest, write_key: str) -> HttpResponse:
    """
    What the browser and mobile libraries ask for before they send anything.

    The `apiKey` here becomes the write key of their events, so the key that was asked with is echoed.
    """
    host = settings.SITE_URL.partition("://")[2]
    return JsonResponse(
        {
            "integrations": {
                "Segment.io": {
                    "apiKey": write_key,
                    "apiHost": f"{host}/v1",
                    "protocol": settings.SITE_URL.partition("://")[0],
                    "unbundledIntegrations": [],
                    "addBundledMetadata": True,
                    "maybeBundledConfigIds": {},
                    "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                }
            },
            "plan": {
                "track": {"__default": {"enabled": True, "integrations": {}}},
                "identify": {"__default": {"enabled": True}},
                "group": {"__default": {"enabled": True}},
            },
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
    )


@door
def metrics(request: HttpRequest) -> HttpResponse:
    """The browser library's own measurements, which are of no use to us."""
    return JsonResponse({"success": True})


def _read(request: HttpRequest) -> dict[str, Any]:
    try:
        return read_object(read_body(request, MAX_BODY))
    except BodyTooLarge as error:
        raise Refused(400, "too_large", f"The body has more than {MAX_BODY} bytes") from error
    except BodyUnreadable as error:
        raise Refused(400, "invalid_request", str(error)) from error
    except InvalidJSON as error:
        raise Refused(400, error.code, error.message) from error


def _write_keys(request: HttpRequest, body: Mapping[str, Any]) -> list[str]:
    """Every write key the call carries: in Basic auth, in the body, or in a beacon's address."""
    keys = []
    scheme, _space, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            # The key is the user name; some clients forget the colon behind it.
            keys.append(base64.b64decode(credentials.strip()).decode().partition(":")[0])
        except (binascii.Error, UnicodeDecodeError):
            logger.info("unreadable Basic credentials")
    keys += [body.get("writeKey"), request.GET.get("writeKey")]  # type: ignore[list-item]
    return [key for key in keys if isinstance(key, str) and key and "\x00" not in key]


def _source(keys: Sequence[str], now: datetime) -> Source | None:
    """
    The source that one of `keys` belongs to; None when the call is to be answered with 200 and dropped.

    Raises:
        Refused: the key is unknown to a strict house, or its source calls too often.
    """
    known = {source.write_key: source for source in Source.objects.filter(write_key__in=keys)} if keys else {}
    source = next((known[key] for key in keys if key in known), None)
    if source is None or not source.is_active:
        _note_stranger(keys, now)
        if _is_strict(source):
            raise Refused(401, "invalid_write_key", "Unknown write key")
        return None
    allowance = rates.take(f"source:{source.pk}", limit=settings.API_RATE_PER_MINUTE * RATE_FACTOR, now=now)
    if not allowance.allowed:
        raise Refused(429, "rate_limited", "Too many requests", retry_after=allowance.reset)
    return source


def _is_strict(source: Source | None) -> bool:
    """A key that no source has is refused when every source is strict: then no old client is left to be kind to."""
    if source is not None:
        return source.mode == Source.Mode.STRICT
    modes = set(Source.objects.filter(is_active=True, kind=Source.Kind.SEGMENT).values_list("mode", flat=True))
    return modes == {Source.Mode.STRICT}


def _note_stranger(keys: Sequence[str], now: datetime) -> None:
    """Show staff that something knocks with a wrong key: one line a minute, and nothing of what it sent."""
    if cache.add("segment:stranger", 1, timeout=60):
        begins = f"it begins with {keys[0][:8]}" if keys else "none was sent"
        ingest.keep_rejects([Reject("invalid_write_key", f"unknown write key: {begins}", {})], source="", now=now)


def _take(body: Mapping[str, Any], kind: str, source: Source, now: datetime) -> None:
    messages, rejects = _messages(body, kind)
    reader = Reader(source.slug, region=Shop.current().country, received_at=now, sent_at=moment_of(body, "sentAt"))
    items: list[Item] = []
    origins: list[Mapping[str, Any]] = []
    for message in messages:
        try:
            read = reader.read(message)
        except Unreadable as error:
            rejects.append(Reject(error.code, error.message, message))
            continue
        items.append(read.item)
        origins.append(message)
        rejects += [Reject(fault.code, fault.message, message) for fault in read.faults]
    with transaction.atomic():
        results = ingest.ingest_many(items, source=source.slug, now=now)
        rejects += [
            Reject(result.code, f"{result.field}: {result.message}" if result.field else result.message, message)
            for result, message in zip(results, origins, strict=True)
            if result.status is Status.INVALID
        ]
        ingest.keep_rejects(rejects, source=source.slug, now=now)
        if source.last_event_at is None or now - source.last_event_at > timedelta(minutes=1):
            Source.objects.filter(pk=source.pk).update(last_event_at=now)


def _messages(body: Mapping[str, Any], kind: str) -> tuple[list[dict[str, Any]], list[Reject]]:
    """The messages of a call, with what stands beside the batch put under each; and those that are none."""
    batch = body.get("batch")
    if not isinstance(batch, list):
        if kind not in SHORT.values():
            return [], [Reject("no_batch", "batch must be a list of messages", body)]
        return _fitting([{**body, "type": kind}])
    if len(batch) > MAX_MESSAGES:
        return [], [Reject("batch_too_large", f"{len(batch)} messages; a call takes at most {MAX_MESSAGES}", {})]
    shared = {name: body[name] for name in ("context", "integrations") if isinstance(body.get(name), dict)}
    return _fitting(
        [
            {**message, **{name: {**value, **(message.get(name) or {})} for name, value in shared.items()}}
            if isinstance(message, dict) and all(isinstance(message.get(name) or {}, dict) for name in shared)
            else message
            for message in batch
        ]
    )


def _fitting(messages: Sequence[Any]) -> tuple[list[dict[str, Any]], list[Reject]]:
    fitting: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for message in messages:
        if not isinstance(message, dict):
            rejects.append(Reject("not_an_object", "a message must be an object", {"message": message}))
        elif len(orjson.dumps(message)) > MAX_MESSAGE:
            what = {name: message.get(name) for name in ("type", "event", "messageId")}
            rejects.append(Reject("too_large", f"a message has at most {MAX_MESSAGE} bytes", what))
        else:
            fitting.append({key: value for key, value in message.items() if key != "writeKey"})
    return fitting, rejects


def _refusal(refused: Refused) -> HttpResponse:
    headers = {}
    if refused.retry_after:
        headers = {"Retry-After": str(refused.retry_after), "X-RateLimit-Reset": str(refused.retry_after)}
    body = {"success": False, "code": refused.code, "message": refused.message, "error": refused.code}
    return JsonResponse(body, status=refused.status, headers=headers)


def _share(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Let a page of a configured origin read the answer. No cookie is asked for or sent."""
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("Origin", "")
    if origin and _is_allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _is_allowed(origin: str) -> bool:
    allowed: set[str] = set()
    for origins in Source.objects.filter(is_active=True).values_list("allowed_origins", flat=True):
        allowed.update(str(entry).rstrip("/").lower() for entry in origins or ())
    return "*" in allowed or origin.lower() in allowed
