"""What `manage.py audit` holds true of the event log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crm.lib import audits
from crm.lib.audits import Case, Finding, NotLookedAt, Seen
from crm.lib.ledgers import Kind, laid_beside

TAKEN = ("accepted", "duplicate")
_COLUMNS: Mapping[str, Kind] = {"line": "bigint", "id": "text", "source": "text"}

_NOT_ONCE = """
SELECT a.id AS event, a.source, COUNT(DISTINCT e.id) AS times, MIN(a.line) AS line
FROM audit_answered a LEFT JOIN crm_event e ON e.source = a.source AND e.dedupe_key = a.id
GROUP BY a.id, a.source HAVING COUNT(DISTINCT e.id) <> 1
"""


@audits.invariant("I1", "Every event that was answered 2xx is on the log once.")
def answered_events_are_there(case: Case) -> Iterator[Finding]:
    if case.answered is None:
        raise NotLookedAt("needs the ledger of what was answered: --events")
    with laid_beside(case.answered.read(_taken), table="audit_answered", columns=_COLUMNS, key="id") as count:
        yield from audits.breaches(_NOT_ONCE, [], "events that were answered 2xx are not there, or not once")
    yield Seen(f"{count:,} answers")


def _taken(entry: dict[str, Any]) -> Mapping[str, Any] | None:
    """What a line of loadgen's ledger says was taken; None for what was refused, or never answered."""
    answer = entry["answer"]
    is_taken = isinstance(answer, int) and 200 <= answer < 300 and entry["status"] in TAKEN
    return {"id": str(entry["id"]), "source": str(entry["source"])} if is_taken else None
