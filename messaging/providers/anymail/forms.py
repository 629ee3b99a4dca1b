"""
Multipart forms as large as a letter.

Django reads at most DATA_UPLOAD_MAX_MEMORY_SIZE of a form's texts, which is right for forms that people fill in; here a
whole letter may come as one text. The door has bounded the body already.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.http.multipartparser import FIELD, FILE, ChunkIter, LazyStream, Parser
from django.utils.datastructures import MultiValueDict
from django.utils.encoding import force_str
from django.utils.http import parse_header_parameters

from messaging.texts import charsets

MOST_PARTS = 1_000
# Texts that are a whole letter: Mailgun's, SendGrid's.
_LETTERS = frozenset({"body-mime", "email"})
# SendGrid's list of the charsets that the other texts are in.
_CHARSETS = "charsets"


class InvalidForm(ValueError):
    """It is no multipart form, or one of too many parts."""


class RawLetter(str):
    """A letter as it came: whoever encodes it gets its own bytes back, which need not be UTF-8."""

    __slots__ = ("raw",)
    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> RawLetter:
        letter = cls(raw.decode(errors="replace"))
        letter.raw = raw
        return letter

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


def read_multipart(body: bytes, content_type: str) -> tuple[QueryDict, MultiValueDict[str, SimpleUploadedFile]]:
    """
    The texts and the files of a form.

    Raises:
        InvalidForm
        django.http.multipartparser.MultiPartParserError
    """
    texts, files = QueryDict(mutable=True), MultiValueDict[str, SimpleUploadedFile]()
    raw: list[tuple[str, bytes]] = []
    for kind, disposition, headers, content in _parts(body, content_type):
        name = force_str(disposition.get("name", b""), errors="replace")
        if kind == FILE:
            files.appendlist(name, _file(disposition, headers, content))
        else:
            raw.append((name, content))
    declared = _declared(dict(raw).get(_CHARSETS, b""))
    for name, content in raw:
        if name != _CHARSETS:
            text = RawLetter.of(content) if name in _LETTERS else charsets.decode(content, declared.get(name, ""))
            texts.appendlist(name, text)
    return texts, files


def _declared(raw: bytes) -> Mapping[str, str]:
    """The charset of each text, where the form says it."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return {name: str(charset) for name, charset in said.items()} if isinstance(said, dict) else {}


def _parts(body: bytes, content_type: str) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], bytes]]:
    """Kind, Content-Disposition, headers and content of each part."""
    boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    if not boundary or not boundary.isascii() or len(boundary) > 200:
        raise InvalidForm("the form has no boundary")
    stream = LazyStream(ChunkIter(io.BytesIO(body)))
    for number, (kind, headers, content) in enumerate(Parser(stream, boundary.encode())):
        if number >= MOST_PARTS:
            raise InvalidForm("the form has too many parts")
        if kind not in (FIELD, FILE):
            continue
        raw = content.read()
        encoding = headers.get("content-transfer-encoding", ("",))[0]
        if str(encoding).strip().lower() == "base64":
            raw = base64.b64decode(raw)
        yield kind, headers["content-disposition"][1], headers, raw


def _file(disposition: Mapping[str, Any], headers: Mapping[str, Any], content: bytes) -> SimpleUploadedFile:
    kind = str(headers.get("content-type", ("application/octet-stream",))[0]).strip()
    name = force_str(disposition.get("filename", b""), errors="replace")
    return SimpleUploadedFile(name or "file", content, kind)
