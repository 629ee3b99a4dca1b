"""
`Idempotency-Key`: the same POST again is answered, not done, again.

The answer is stored in the transaction that does the work, so both stand or neither does: a process killed on the way
leaves nothing behind. A call that was refused did nothing, so its key is free for the corrected one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request

from crm.api.errors import Problem
from crm.api.parsers import body_of
from crm.api.renderers import dump
from crm.api.throttling import caller_of
from crm.models import IdempotencyRecord

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=48)
LONGEST = 255
Handler = Callable[..., Any]


def once(handler: Handler) -> Handler:
    """Wrap a view's POST handler: done once per key of the caller, then answered from the store for 48 hours."""

    def handle(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get(HEADER, "")
        if not key:
            response: HttpResponseBase = handler(request, *args, **kwargs)
            return response
        if len(key) > LONGEST or not key.isprintable():
            raise Problem("invalid_idempotency_key", _("An Idempotency-Key has 1 to 255 printable characters."))
        return _once(handler, key, request, *args, **kwargs)

    return handle


@transaction.atomic
def _once(handler: Handler, key: str, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
    now = timezone.now()
    owner, digest = caller_of(request), _digest(request)
    IdempotencyRecord.objects.filter(owner=owner, key=key, created_at__lt=now - KEPT).delete()
    # With the same key at work elsewhere, the insert waits at the unique constraint for that call's commit.
    record, fresh = IdempotencyRecord.objects.get_or_create(
        owner=owner, key=key, defaults={"request_hash": digest, "created_at": now}
    )
    if not fresh:
        return _replay(record, digest)
    response: HttpResponseBase = handler(request, *args, **kwargs)
    record.status = response.status_code
    record.body = dump(response.data)  # type: ignore[attr-defined] # our handlers answer with Response
    record.save(update_fields=["status", "body"])
    return response


def _replay(record: IdempotencyRecord, digest: str) -> HttpResponse:
    if record.request_hash != digest:
        raise Problem("idempotency_key_reused", _("This Idempotency-Key was used for a call with another body."))
    return HttpResponse(
        bytes(record.body),
        status=record.status or 200,
        content_type=record.content_type,
        headers={"Idempotency-Replayed": "true"},
    )


def _digest(request: Request) -> str:
    """What makes two calls the same: method, path and the very bytes of the body."""
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + body_of(request)).hexdigest()
