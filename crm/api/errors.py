"""Errors as problem details (RFC 9457): what was wrong, by name and by place. Bad input is never a 500."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from crm.lib.strict_json import pointer
from crm.lib.tracing import request_id
from crm.services.coupons import REASONS

logger = logging.getLogger("waymark.api")
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
    "db_unavailable": (503, _("The database does not answer. Nothing was stored; try again.")),
}
# Codes of the framework that mean the same as ours.
_OURS = {
    "permission_denied": "forbidden",
    "authentication_failed": "not_authenticated",
    "throttled": "rate_limited",
    "parse_error": "invalid_json",
}
_NON_FIELD = api_settings.NON_FIELD_ERRORS_KEY


class Problem(exceptions.APIException):
    """An error with a code of its own; the status is the one PROBLEMS gives it."""

    def __init__(self, code: str, detail: Text, *, at: str | None = None) -> None:
        """`at` is the JSON pointer of the field at fault."""
        super().__init__(str(detail), code)
        self.code = code
        self.at = at
        self.status_code = PROBLEMS[code][0]


class Invalid(exceptions.ValidationError):
    """One field is wrong: `Invalid("/customer/phone", "invalid_phone", "…")`."""

    def __init__(self, at: str, code: str, message: Text) -> None:
        super().__init__(str(message), code)
        self.at = at


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to `error`; REST framework calls this for whatever a view raises."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error, context["request"])
    if isinstance(error, exceptions.APIException):
        return _refused(error)
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.error("database unavailable: %s", error)
        return _problem("db_unavailable", headers={"Retry-After": "5"})
    request: Request = context["request"]
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _problem("internal", id=request_id.get())


def _problem(
    code: str,
    *,
    status: int | None = None,
    detail: Text = "",
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    status = status or PROBLEMS[code][0]
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": settings.SITE_URL + reverse("api:problem", args=[code]) if code in PROBLEMS else "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "detail": str(detail or PROBLEMS.get(code, (0, title))[1]),
        **more,
    }
    if errors:
        body["errors"] = list(errors)
    return Response(body, status=status, headers=headers, content_type=CONTENT_TYPE)


def _invalid(error: exceptions.ValidationError, request: Request) -> Response:
    base = error.at if isinstance(error, Invalid) else ""
    # What a GET gets wrong stands in its address, not in a body.
    in_query = request.method in ("GET", "HEAD")
    errors = []
    for path, detail in _flatten(error.detail):
        place = base + pointer(*path)
        name = {"parameter": place.lstrip("/")} if in_query else {"pointer": place}
        errors.append({**name, "code": detail.code, "message": str(detail)})
    codes = {fault["code"] for fault in errors}
    code = codes.pop() if len(codes) == 1 else "invalid"
    where = errors[0].get("parameter") or errors[0].get("pointer")
    detail = f"{where}: {errors[0]['message']}" if where else errors[0]["message"]
    return _problem(code, status=400, detail=detail, errors=errors)


def _refused(error: exceptions.APIException) -> Response:
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    code = _OURS.get(code, code)
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    at = getattr(error, "at", None)
    errors = [{"pointer": at, "code": code, "message": str(error.detail)}] if at is not None else []
    return _problem(code, status=error.status_code, detail=str(error.detail), errors=errors, headers=headers)


def _flatten(detail: Any, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], Any]]:
    """Every single error in REST framework's nested detail, with the path to its field."""
    if isinstance(detail, Mapping):
        for key, below in detail.items():
            yield from _flatten(below, path if key == _NON_FIELD else (*path, key))
    elif isinstance(detail, list):
        for index, below in enumerate(detail):
            # A list of texts is what is wrong here; a list of mappings is a list of faulty items.
            yield from _flatten(below, (*path, index) if isinstance(below, Mapping) else path)
    else:
        yield path, detail
