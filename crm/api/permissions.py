"""Scopes for programs, roles for staff: the same table decides both."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from crm.access.keys import SCOPES
from crm.access.roles import may
from crm.models import ApiKey


class HasScope(BasePermission):
    """Let in a key with one of the scopes the view asks for, and staff whose role holds the permission behind it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        scopes: tuple[str, ...] = view.scopes_needed(request)
        if isinstance(request.auth, ApiKey):
            if scopes and not set(scopes).intersection(request.auth.scopes):
                raise PermissionDenied(
                    _("This API key needs the scope %(scope)s.") % {"scope": " / ".join(scopes)}, "missing_scope"
                )
            return True
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated(_("Send an API key: Authorization: Bearer wm_live_…"))
        return not scopes or any(may(request.user, SCOPES[scope].permission) for scope in scopes)
