"""Our ledger beside the books of whoever took the messages, as `manage.py audit` compares them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def compared(accepted: Sequence[str]) -> dict[str, Any]:
    """What became of our messages, given the keys that were `accepted`, in order, each as often as it was."""
    from datetime import UTC, datetime

    from django.db.models import Count

    from messaging.models import Message
    from messaging.selectors import books

    states = Message.objects.order_by("state").values_list("state").annotate(n=Count("pk"))
    entries = [{"line": line, "message": key} for line, key in enumerate(accepted, start=1)]
    with books.accepts(entries):
        doubled = [row for breach in books.doubled() for row in breach.rows]
        not_accepted = books.not_accepted(since=datetime(2000, 1, 1, tzinfo=UTC))
        return {
            "queued": Message.objects.count(),
            "states": {str(state): n for state, n in states},
            "accepted": len(set(accepted)),
            "doubled": sorted(str(row["message"]) for row in doubled),
            "sent_but_not_accepted": sum(breach.count for breach in not_accepted),
            "out_of_order": sum(breach.count for breach in books.out_of_order()),
            "unwritten": sum(breach.count for breach in (*books.strange(), *books.unwritten())),
        }
