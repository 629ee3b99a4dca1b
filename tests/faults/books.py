"""Our ledger beside the books of whoever took the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any


def compared(accepted: Sequence[str]) -> dict[str, Any]:
    """What became of our messages, given the keys that were `accepted`, in order, each as often as it was."""
    from messaging.models import Message

    rows = {message.key: message for message in Message.objects.order_by("pk")}
    lines: dict[int, list[int]] = {}
    for key in accepted:
        lines.setdefault(rows[key].customer_id, []).append(rows[key].pk)
    copies = Counter(accepted)
    return {
        "queued": len(rows),
        "states": dict(Counter(str(message.state) for message in rows.values())),
        "accepted": len(copies),
        "doubled": sorted(key for key, count in copies.items() if count > 1),
        "sent_but_not_accepted": sum(message.state == "sent" and key not in copies for key, message in rows.items()),
        "out_of_order": sum(line != sorted(line) for line in lines.values()),
    }
