"""What a call told, as JSON that every database keeps, and back."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import FileIn, FileThere, InboundIn, Kind

# Levels of lists and objects, and numbers, that every reader of JSON takes.
MAX_DEPTH = 20
_HUGE = 2**63


def to_json(told: ReceiptIn | InboundIn) -> dict[str, Any]:
    """One receipt or inbound message as JSON; see `plain` for what is left out."""
    row: dict[str, Any] = plain(told)
    return row


def read_receipt(row: Mapping[str, Any]) -> ReceiptIn:
    """The receipt that `to_json` wrote."""
    return ReceiptIn(**{**row, "news": News(row["news"]), "at": datetime.fromisoformat(row["at"])})


def read_inbound(row: Mapping[str, Any]) -> InboundIn:
    """The inbound message that `to_json` wrote."""
    files = [FileIn(**{**file, "content": base64.b64decode(file["content"])}) for file in row["files"]]
    there = [FileThere(**file) for file in row.get("files_there", ())]
    at = datetime.fromisoformat(row["at"])
    return InboundIn(**{**row, "kind": Kind(row["kind"]), "at": at, "files": files, "files_there": there})


def plain(value: Any, *, depth: int = MAX_DEPTH) -> Any:
    """
    `value` as JSON that every database keeps: without NUL characters, halves of surrogate pairs, numbers that are none
    or need more than 64 bits, and whatever is nested deeper than `depth`.
    """
    if isinstance(value, str):
        return str(value).replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < _HUGE and math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {plain(str(name)): plain(inner, depth=depth - 1) for name, inner in value.items()} if depth else None
    if isinstance(value, list | tuple):
        return [plain(inner, depth=depth - 1) for inner in value] if depth else None
    return plain(str(value))
