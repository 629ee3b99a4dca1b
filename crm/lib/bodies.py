"""Request bodies with a limit: plain, chunked or gzipped, never more than the door asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from django.http import HttpRequest
from django.http.request import UnreadablePostError

from crm.lib.numbers import whole


class BodyTooLarge(ValueError):
    """More bytes than the limit, before or after unpacking."""


class BodyUnreadable(ValueError):
    """The connection broke, or the bytes are not what Content-Encoding says."""


def read_body(request: HttpRequest, limit: int) -> bytes:
    """
    Return the body of `request`, unpacked, and keep it as `request.body`.

    Raises:
        BodyTooLarge: it has more than `limit` bytes; nothing beyond the limit was read or unpacked.
        BodyUnreadable: it cannot be read or unpacked.
    """
    if hasattr(request, "_body"):
        return request.body
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    raw = _read(request, limit)
    if encoding in ("gzip", "x-gzip"):
        raw = _gunzip(raw, limit)
    elif encoding not in ("identity", ""):
        raise BodyUnreadable(f"Content-Encoding {encoding[:40]!r} is not one we read; gzip is.")
    # Django's own property would read the stream again, with a limit of its own and blind to chunks.
    request._body = raw
    return raw


def _read(request: HttpRequest, limit: int) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or ""
    if (whole(length) or 0) > limit:
        raise BodyTooLarge
    # WSGI gives a chunked body no length, and Django reads none of it: the server's own stream ends where it ends.
    chunked = not length and "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    read: Callable[[int], bytes] = request.META["wsgi.input"].read if chunked else request.read
    parts: list[bytes] = []
    room = limit + 1
    try:
        while room > 0 and (part := read(room)):
            parts.append(part)
            room -= len(part)
    except (UnreadablePostError, OSError) as error:
        raise BodyUnreadable("The body ended before its time.") from error
    if room <= 0:
        raise BodyTooLarge
    return b"".join(parts)


def _gunzip(raw: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(raw, limit + 1)
    except zlib.error as error:
        raise BodyUnreadable("The body is not gzip.") from error
    if len(plain) > limit:
        raise BodyTooLarge
    if not unpacker.eof:
        raise BodyUnreadable("The gzip body is cut short.")
    return plain
