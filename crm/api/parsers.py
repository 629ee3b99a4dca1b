"""The one parser of the REST door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser

from crm.api.errors import Invalid, Problem
from crm.lib import strict_json
from crm.lib.bodies import BodyTooLarge, BodyUnreadable, read_body


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


def body_of(request: Any) -> bytes:
    """
    The raw body of a REST framework request.

    Raises:
        Problem: too_large or invalid_encoding.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        return read_body(request._request, limit)
    except BodyTooLarge as error:
        raise Problem("too_large", _("The body has more than %(limit)s bytes.") % {"limit": limit}) from error
    except BodyUnreadable as error:
        raise Problem("invalid_encoding", str(error)) from error
