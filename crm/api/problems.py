"""Problem details (RFC 9457): what each code means, and the body that says so. For API views and plain ones alike."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import JsonResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.services.coupons import REASONS

Text = str | Promise
CONTENT_TYPE = "application/problem+json"

# What each `code` at the top of an answer means; `type` leads here. Those inside `errors` speak of a single field.
PROBLEMS: dict[str, tuple[int, Text]] = {
    "invalid": (400, _("Several fields are wrong; `errors` names each.")),
    "unknown_field": (400, _("The body has a field that this call does not know.")),
    "unknown_parameter": (400, _("The address has a parameter that this call does not know.")),
    "invalid_json": (400, _("The body is not JSON.")),
    "invalid_encoding": (400, _("The body is not UTF-8, or not what Content-Encoding says.")),
    "invalid_text": (400, _("A text holds a NUL character or half of a surrogate pair.")),
    "invalid_number": (400, _("A number is NaN, infinite or too large.")),
    "duplicate_key": (400, _("The same key stands twice in one object.")),
    "too_deep": (400, _("The body is nested too deep.")),
    "not_an_object": (400, _("The body is not a JSON object.")),
    "batch_too_large": (400, _("The batch has more items than one call takes.")),
    "bad_request": (400, _("The request cannot be understood.")),
    "invalid_idempotency_key": (400, _("The Idempotency-Key is empty, too long or not printable.")),
    "future": (400, _("A time lies in the future.")),
    "no_zone": (400, _("A time has no offset from UTC.")),
    "not_authenticated": (401, _("The call has neither an API key nor a session.")),
    "invalid_key": (401, _("There is no such API key.")),
    "revoked_key": (401, _("The API key was revoked.")),
    "expired_key": (401, _("The API key has expired.")),
    "bad_signature": (403, _("The call is not signed, or not by whom we gave the key to.")),
    "stale_timestamp": (403, _("The call was signed more than five minutes ago, or ahead of our clock.")),
    "address_not_allowed": (403, _("The API key may not be used from this address.")),
    "missing_scope": (403, _("The API key lacks the scope that this call needs.")),
    "forbidden": (403, _("Your role may not do this.")),
    "limit_exceeded": (403, REASONS["limit_exceeded"]),
    "csrf_failed": (403, _("A call with a session needs the CSRF token.")),
    "not_found": (404, _("There is nothing at this address.")),
    "unknown_coupon": (404, REASONS["unknown_coupon"]),
    "method_not_allowed": (405, _("This address does not take that method.")),
    "conflict": (409, _("The record is in a state that does not allow this.")),
    "reference_taken": (409, _("The reference belongs to another customer.")),
    "identity_taken": (409, _("The address or id belongs to another customer.")),
    "already_redeemed": (409, REASONS["already_redeemed"]),
    "coupon_exhausted": (409, REASONS["coupon_exhausted"]),
    "expired": (409, REASONS["expired"]),
    "not_started": (409, REASONS["not_started"]),
    "inactive": (409, REASONS["inactive"]),
    "void": (409, REASONS["void"]),
    "not_theirs": (409, REASONS["not_theirs"]),
    "not_in_audience": (409, REASONS["not_in_audience"]),
    "precondition_failed": (412, _("The record has changed since you read it.")),
    "too_large": (413, _("The body is larger than this door takes.")),
    "unsupported_media_type": (415, _("The body is not application/json.")),
    "idempotency_key_reused": (422, _("The Idempotency-Key was used for another call.")),
    "rate_limited": (429, _("Too many calls in this minute.")),
    "internal": (500, _("We failed. Our log tells more under this `id`.")),
    "backlog_full": (503, _("Too many events wait to be worked off. Nothing was stored; try again.")),
    "db_unavailable": (503, _("The database does not answer. Nothing was stored; try again.")),
}


def body(code: str, *, status: int | None = None, detail: Text = "", **more: Any) -> dict[str, Any]:
    """
    What is told of the problem `code`; its status and meaning are those of PROBLEMS unless given.

    A code that is not in PROBLEMS needs a `status`.
    """
    status = status or PROBLEMS[code][0]
    title = HTTPStatus(status).phrase
    return {
        "type": settings.SITE_URL + reverse("api:problem", args=[code]) if code in PROBLEMS else "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": str(detail or PROBLEMS.get(code, (0, title))[1]),
        **more,
    }


def answer(code: str, *, detail: Text = "", headers: Mapping[str, str] | None = None, **more: Any) -> JsonResponse:
    """The problem `code` as the answer of a view outside REST framework."""
    said = body(code, detail=detail, **more)
    return JsonResponse(said, status=said["status"], headers=headers, content_type=CONTENT_TYPE)
