"""API keys at the door: `Authorization: Bearer wm_live_…`."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from crm.access import keys
from crm.api.errors import Problem
from crm.lib.clients import address_of
from crm.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the ApiKey; nobody is signed in."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(_("The Authorization header must be: Bearer, a space, and an API key."))
        try:
            key = keys.recognise(secret.strip(), address=address_of(request._request), now=timezone.now())
        except keys.KeyRefused as refused:
            if refused.code == "address_not_allowed":
                raise Problem(refused.code, refused.message) from refused
            raise AuthenticationFailed(refused.message, refused.code) from refused
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Waymark API"'


class StaffSession(SessionAuthentication):
    """A member of staff who is signed in to the pages. Whatever changes something carries the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise Problem("csrf_failed", str(error.detail)) from error


class StaffSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]
    target_class = StaffSession  # type: ignore[assignment]


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """What the schema says of the class above."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "wm_live_…"}
