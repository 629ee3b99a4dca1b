"""What a call that judges each item for itself is answered with, as OpenAPI says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FAULTS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["pointer", "code", "message"],
        "properties": {name: {"type": "string"} for name in ("pointer", "code", "message")},
    },
}


def results_schema(
    statuses: Sequence[str], *, always: Sequence[str] = (), **fields: Mapping[str, Any]
) -> dict[str, Any]:
    """
    `{"results": [{"status", "errors"?, …}]}`, a result for each item, in their order.

    Args:
        statuses: what may become of an item; `errors` come with those that were refused (crm.api.structs.Fault).
        always: the fields that no result is without, besides its status.
        fields: what else a result may say, in OpenAPI's words.
    """
    item = {
        "type": "object",
        "required": [*always, "status"],
        "properties": {**fields, "status": {"type": "string", "enum": [*statuses]}, "errors": FAULTS},
    }
    return {
        "type": "object",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": item}},
    }
