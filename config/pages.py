"""The pages for when something is amiss. They ask nothing of the database, which may be what is amiss."""

from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.api import problems
from crm.lib.tracing import request_id

PROGRAM_PATHS = ("/api/", "/v1/")
# What programs are told instead of a page, by status.
_CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 429: "rate_limited", 500: "internal"}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    # Our views raise BadRequest with a sentence for the reader; other exceptions' texts are for the log.
    said = str(exception) if type(exception) is BadRequest else ""
    return _answer(request, 400, _("This request cannot be understood"), said or _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    return _answer(
        request,
        403,
        _("Your role does not allow this"),
        _("Ask an administrator, who can give you another one."),
    )


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without a valid token: usually one left open in a tab through a sign-out."""
    return _answer(request, 403, _("This form has expired"), _("Go back, reload the page and send it again."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404, _("There is nothing here"), _("The address may be mistyped, or the record gone."))


def too_often(request: HttpRequest) -> HttpResponse:
    """Where allauth's limits for one address are a minute's."""
    response = _answer(request, 429, _("Too many tries in a short time"), _("Wait a minute, then try again."))
    response.headers["Retry-After"] = "60"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(
        request,
        500,
        _("Something went wrong on our side"),
        _("It has been logged. If it happens again, tell an administrator this number."),
        number=request_id.get(),
    )


def _answer(
    request: HttpRequest, status: int, title: str | Promise, advice: str | Promise, *, number: str = ""
) -> HttpResponse:
    if request.path.startswith(PROGRAM_PATHS):
        more: dict[str, Any] = {"id": number} if number else {}
        return problems.answer(_CODES[status], detail=advice, **more)
    # Without the request, so that no context processor runs.
    context = {
        "title": title,
        "advice": advice,
        "number": number,
        "icon": _file("img/icon.svg"),
        "styles": [_file(f"css/{name}.css") for name in ("tokens", "base", "layout")],
    }
    return HttpResponse(render_to_string("error.html", context), status=status)


def _file(name: str) -> str:
    """The address of a static file; a guess where nobody has collected them, since this page must never fail."""
    try:
        return static(name)
    except ValueError:
        return f"{settings.STATIC_URL}{name}"
