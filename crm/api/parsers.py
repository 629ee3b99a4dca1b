"""The parsers of the REST door: JSON, and forms for the few calls that take files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files import uploadhandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser, DataAndFiles

from crm.api.errors import Invalid, Problem
from crm.lib import strict_json
from crm.lib.bodies import BodyTooLarge, BodyUnreadable, read_body
from crm.lib.uploads import LARGEST_TOGETHER


class StrictJSONParser(BaseParser):
    """
    Reads application/json as crm.lib.strict_json does, up to DATA_UPLOAD_MAX_MEMORY_SIZE bytes, gzipped or not.

    Attributes:
        max_depth: levels of brackets; a door whose documents nest deeper has a parser of its own.
    """

    media_type = "application/json"
    max_depth = strict_json.MAX_DEPTH

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        assert parser_context is not None  # noqa: S101 - the framework always passes it
        raw = body_of(parser_context["request"])
        try:
            return strict_json.read_object(raw, max_depth=self.max_depth)
        except strict_json.InvalidJSON as error:
            raise Invalid(error.pointer, error.code, error.message) from error


class FilesParser(BaseParser):
    """Reads multipart/form-data for the calls that take files, up to what a ticket's turn may have."""

    media_type = "multipart/form-data"
    most_bytes = LARGEST_TOGETHER + 1024 * 1024

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles[Any, Any]:
        assert parser_context is not None  # noqa: S101 - the framework always passes it
        request = parser_context["request"]._request
        raw = body_of(parser_context["request"])
        meta = {**request.META, "CONTENT_TYPE": media_type or "", "CONTENT_LENGTH": len(raw)}
        try:
            texts, files = MultiPartParser(meta, io.BytesIO(raw), _handlers(request)).parse()
        except (MultiPartParserError, SuspiciousOperation) as error:
            raise Invalid("", "invalid_form", _("The form cannot be read: %(why)s.") % {"why": error}) from error
        return DataAndFiles(texts, files)


def _handlers(request: Any) -> list[Any]:
    return [uploadhandler.load_handler(path, request) for path in settings.FILE_UPLOAD_HANDLERS]


def body_of(request: Any) -> bytes:
    """
    The raw body of a REST framework request, as large as the parser that reads it takes.

    Raises:
        Problem: too_large or invalid_encoding.
    """
    parser = request.negotiator.select_parser(request, request.parsers)
    limit = getattr(parser, "most_bytes", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    try:
        return read_body(request._request, limit)
    except BodyTooLarge as error:
        raise Problem("too_large", _("The body has more than %(limit)s bytes.") % {"limit": limit}) from error
    except BodyUnreadable as error:
        raise Problem("invalid_encoding", str(error)) from error
