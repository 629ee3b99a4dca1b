"""Errors as problem details (RFC 9457): what was wrong, by name and by place. Bad input is never a 500."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from crm.api import problems
from crm.api.problems import Text
from crm.lib.strict_json import pointer
from crm.lib.tracing import request_id

logger = logging.getLogger("waymark.api")
# Codes of the framework that mean the same as ours.
_OURS = {
    "permission_denied": "forbidden",
    "authentication_failed": "not_authenticated",
    "throttled": "rate_limited",
    "parse_error": "invalid_json",
}
_NON_FIELD = api_settings.NON_FIELD_ERRORS_KEY


class Problem(exceptions.APIException):
    """An error with a code of its own; the status is the one `problems.PROBLEMS` gives it."""

    def __init__(self, code: str, detail: Text, *, at: str | None = None, wait: int | None = None) -> None:
        """`at` is the JSON pointer of the field at fault; `wait`, for how many seconds to stay away."""
        super().__init__(str(detail), code)
        self.code = code
        self.at = at
        self.wait = wait
        self.status_code = problems.PROBLEMS[code][0]


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
    told = problems.body(code, status=status, detail=detail, **more)
    if errors:
        told["errors"] = list(errors)
    return Response(told, status=told["status"], headers=headers, content_type=problems.CONTENT_TYPE)


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
