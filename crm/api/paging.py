"""Pages of lists: `?limit=` and an opaque `?cursor=`, handed out as whole addresses in `next` and `previous`."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from crm.lib.numbers import whole
from crm.lib.paging import InvalidCursor, Page, keyset_page

USUAL, MOST = 50, 1000


class CursorPage(BasePagination):
    """Follows the view's `sort` (crm.lib.paging.Sort)."""

    page: Page[Any]
    address: str

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.address = request.build_absolute_uri()
        try:
            self.page = keyset_page(
                queryset, view.sort, cursor=request.query_params.get("cursor", ""), size=_limit(request)
            )
        except InvalidCursor as error:
            raise ValidationError({"cursor": [ErrorDetail(str(error), "invalid_cursor")]}) from error
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {"results": data, "next": self._address(self.page.next), "previous": self._address(self.page.previous)}
        )

    def _address(self, cursor: str) -> str | None:
        return replace_query_param(self.address, "cursor", cursor) if cursor else None

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": address, "previous": address},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "limit", "in": "query", "description": f"Rows a page; {USUAL} unless said.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MOST},
            },
            {
                "name": "cursor", "in": "query", "description": "From `next` or `previous`.",
                "schema": {"type": "string"},
            },
            {
                "name": "fields", "in": "query", "description": "Only these fields, separated by commas.",
                "schema": {"type": "string"},
            },
        ]  # fmt: skip


def _limit(request: Request) -> int:
    limit = whole(request.query_params.get("limit", str(USUAL)), most=MOST)
    if not limit:
        message = _("must be a number from 1 to %(most)s") % {"most": MOST}
        raise ValidationError({"limit": [ErrorDetail(message, "invalid")]})
    return limit
