"""So many calls a minute, counted per key or member of staff."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from crm.lib import rates


def caller_of(request: Request) -> str:
    """Who is counted, and who owns an Idempotency-Key: "key:3" or "user:7"."""
    return f"key:{request.auth.pk}" if request.auth is not None else f"user:{request.user.pk}"


class KeyThrottle(BaseThrottle):
    """Leaves the Allowance on the view, which puts it into the RateLimit-* headers of its answer."""

    def __init__(self) -> None:
        self.reset = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        allowance = rates.take(caller_of(request), limit=settings.API_RATE_PER_MINUTE, now=timezone.now())
        view.allowance = allowance
        self.reset = allowance.reset
        return allowance.allowed

    def wait(self) -> float:
        return self.reset
