"""Small middlewares of our own."""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from crm.lib.tracing import request_id

GetResponse = Callable[[HttpRequest], HttpResponse]
# Seconds: how long allauth remembers a failed attempt for one account.
FAILURES_COUNT_FOR = 300
SAFE_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class RequestIdMiddleware:
    """Give every request an id that its log lines and error answers share; a proxy's own id is kept."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        token = request_id.set(given if SAFE_ID.match(given) else uuid.uuid4().hex)
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = request_id.get()
        finally:
            request_id.reset(token)
        return response


class StaffLanguageMiddleware:
    """Speak the language the signed-in person chose; others get what their browser asks for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        language = getattr(request.user, "language", "") or translation.get_language_from_request(request)
        if language not in dict(settings.LANGUAGES):
            language = settings.LANGUAGE_CODE
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


class ThrottleMiddleware:
    """
    Answer 429 where a form refused to look at another password or code, so that programs understand it too.

    The page is still the form with its sentence; the adapter notes on the request that it came too often.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if getattr(request, "is_throttled", False):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response.headers["Retry-After"] = str(FAILURES_COUNT_FOR)
        return response
