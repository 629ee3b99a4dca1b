"""What a call told, as JSON that every database keeps, and back."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import FileIn, InboundIn, Kind


def to_json(told: ReceiptIn | InboundIn) -> dict[str, Any]:
    """
    One receipt or inbound message as JSON. What no database keeps is left out: NUL characters, halves of surrogate
    pairs, numbers that are none.
    """
    row: dict[str, Any] = plain(asdict(told))
    return row


def read_receipt(row: Mapping[str, Any]) -> ReceiptIn:
    """The receipt that `to_json` wrote."""
    return ReceiptIn(**{**row, "news": News(row["news"]), "at": datetime.fromisoformat(row["at"])})


def read_inbound(row: Mapping[str, Any]) -> InboundIn:
    """The inbound message that `to_json` wrote."""
    files = [FileIn(**{**file, "content": base64.b64decode(file["content"])}) for file in row["files"]]
    return InboundIn(**{**row, "kind": Kind(row["kind"]), "at": datetime.fromisoformat(row["at"]), "files": files})


def plain(value: Any) -> Any:
    """`value` as JSON that every database keeps."""
    if isinstance(value, str):
        return str(value).replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, bool | int | None) else plain(str(value))
