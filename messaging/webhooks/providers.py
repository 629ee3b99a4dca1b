"""
The doors that providers knock at: /hooks/messages/<hook_token>/, …/receipts/ and …/inbound/.

The token finds the channel, the channel's provider verifies. What is taken is answered 200 whatever becomes of it
behind the door; what is not is answered with a problem (RFC 9457) and counted.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from crm.api import problems
from crm.lib.bodies import BodyTooLarge, BodyUnreadable, read_body
from crm.lib.clients import address_of
from crm.lib.tracing import request_id
from crm.models import Channel
from messaging.channels.calls import Call, NoSuchDoor, Refused, UnreadableCall, What
from messaging.models import ChannelSettings
from messaging.services import calls

logger = logging.getLogger("waymark.doors")
MAX_BODY = 256 * 1024  # bytes
MAX_LETTER = 25 * 1024 * 1024
METHODS = ("GET", "POST")


class BodyRefused(Refused):
    """The body is too large, or broke off."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@csrf_exempt
@never_cache
def door(request: HttpRequest, token: str, what: str = "") -> HttpResponse:
    """Take what a provider tells of a channel."""
    if request.method == "HEAD":
        return HttpResponse()  # some ask first whether anybody is at home
    if request.method not in METHODS:
        return _refuse("method_not_allowed", headers={"Allow": ", ".join((*METHODS, "HEAD"))})
    try:
        return _let_in(request, token, what or What.HOOK)
    except (OperationalError, InterfaceError):
        logger.exception("the database does not answer")
        return _refuse("db_unavailable", headers={"Retry-After": "5"})
    except Exception:
        logger.exception("a call to a door failed")
        return _refuse("internal", id=request_id.get())


def _let_in(request: HttpRequest, token: str, door: str) -> HttpResponse:
    now = timezone.now()
    channel = ChannelSettings.objects.filter(hook_token=token.replace("\0", "")).first()
    try:
        if channel is None or door not in list(What):
            raise NoSuchDoor
        thanks = calls.take_call(channel, _call(request, channel, What(door)), now=now)
    except Refused as refused:
        name = channel.channel if channel else ""
        logger.info("a call to the doors of %s was refused: %s", name or "nobody", refused.code)
        calls.note_refusal(channel=name, code=refused.code, address=address_of(request), now=now)
        # Nobody learns from the answer whether there is such a channel.
        return _refuse(refused.code, detail="" if isinstance(refused, NoSuchDoor) else str(refused))
    return HttpResponse(thanks.body, content_type=thanks.content_type)


def _call(request: HttpRequest, channel: ChannelSettings, what: What) -> Call:
    room = MAX_LETTER if channel.channel == Channel.EMAIL and what == What.INBOUND else MAX_BODY
    try:
        body = read_body(request, room)
    except BodyTooLarge as error:
        raise BodyRefused("too_large", "") from error
    except BodyUnreadable as error:
        raise BodyRefused("invalid_encoding", str(error)) from error
    try:
        query = request.GET.dict()
    except SuspiciousOperation as error:
        raise UnreadableCall("the address has too many parameters") from error
    return Call(
        what=what,
        method=str(request.method),
        # As we gave it away: behind a proxy the request itself knows neither the host nor https.
        url=settings.SITE_URL + request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=query,
        body=body,
    )


def _refuse(code: str, **said: Any) -> JsonResponse:
    response = problems.answer(code, **said)
    # Django would log the address, and the token in it is a secret.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
