"""Who is calling, as far as the network tells."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """
    The caller's IP address.

    Behind our own proxy (BEHIND_PROXY) it is the last entry of X-Forwarded-For, the one that proxy added; the entries
    before it are whatever the caller claims.
    """
    if settings.SECURE_PROXY_SSL_HEADER:
        forwarded = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))
