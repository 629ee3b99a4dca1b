"""Bodies with a limit."""

import gzip
import io
import zlib

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory

from crm.lib.bodies import BodyTooLarge, BodyUnreadable, read_body


def posted(body: bytes, **meta: str) -> WSGIRequest:
    return RequestFactory().post("/", body, content_type="application/json", **meta)


def chunked(body: bytes, **meta: str) -> WSGIRequest:
    """As a server hands on a chunked body: a stream that ends, without a length."""
    request = posted(b"", HTTP_TRANSFER_ENCODING="chunked", **meta)
    request.META.pop("CONTENT_LENGTH", None)
    request.META["wsgi.input"] = io.BytesIO(body)
    return request


def test_a_body_is_read_once_and_kept() -> None:
    request = posted(b"{}")
    assert read_body(request, 10) == read_body(request, 10) == request.body == b"{}"


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    assert read_body(posted(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(BodyTooLarge):
        read_body(posted(b"x" * 11), 10)


def test_a_chunked_body_is_read_to_its_end_and_to_the_limit() -> None:
    assert read_body(chunked(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(BodyTooLarge):
        read_body(chunked(b"x" * 11), 10)


def test_gzip_is_unpacked_chunked_or_not() -> None:
    packed = gzip.compress(b'{"a": 1}')
    assert read_body(posted(packed, HTTP_CONTENT_ENCODING="gzip"), 100) == b'{"a": 1}'
    assert read_body(chunked(packed, HTTP_CONTENT_ENCODING="gzip"), 100) == b'{"a": 1}'


def test_a_gzip_bomb_is_refused_by_what_it_unpacks_to() -> None:
    packed = gzip.compress(b"\0" * 1_000_000)
    assert len(packed) < 2000
    with pytest.raises(BodyTooLarge):
        read_body(posted(packed, HTTP_CONTENT_ENCODING="gzip"), 2000)


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(b"whole", mtime=0)[:-9], zlib.compress(b"zlib")])
def test_what_is_not_gzip_is_unreadable(packed: bytes) -> None:
    with pytest.raises(BodyUnreadable):
        read_body(posted(packed, HTTP_CONTENT_ENCODING="gzip"), 100)


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(BodyUnreadable, match="'br'"):
        read_body(posted(b"x", HTTP_CONTENT_ENCODING="br"), 100)
