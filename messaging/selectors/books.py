"""Our ledger beside a provider's: what went out twice, out of order, unasked for, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from crm.lib import audits
from crm.lib.audits import Breach
from crm.lib.ledgers import Kind, hex_of, laid_beside

# Who stood in line before an attempt began is read off clocks that were looked at a moment before.
A_MOMENT = timedelta(seconds=5)
_COLUMNS: Mapping[str, Kind] = {"line": "bigint", "message": "uuid"}

_DOUBLED = """
SELECT a.message, COUNT(*) AS accepted, MIN(a.line) AS line, MAX(a.line) AS again
FROM audit_accepted a GROUP BY a.message HAVING COUNT(*) > 1
"""

# Within a customer's lane of a channel the higher priority goes first, then the older; by the plan. A message that was
# not there yet, or not yet wanted, when the other's first call began was not overtaken. Only those that somebody from
# further back came before are compared one by one.
_OUT_OF_ORDER = """
WITH accepted AS (SELECT message, MIN(line) AS line FROM audit_accepted GROUP BY message),
placed AS (
    SELECT m.id, m.public_id, m.customer_id, m.channel, m.lane, m.planned_at, a.line, ROW_NUMBER() OVER (
        PARTITION BY m.customer_id, m.channel, m.lane ORDER BY m.priority DESC, m.id) AS place
    FROM accepted a JOIN messaging_message m ON m.public_id = a.message),
walked AS (
    SELECT placed.*, MAX(place) OVER (
        PARTITION BY customer_id, channel, lane ORDER BY line
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS furthest
    FROM placed)
SELECT m.public_id AS message, p.public_id AS overtaken_by, m.line
FROM walked m
JOIN placed p ON p.customer_id = m.customer_id AND p.channel = m.channel AND p.lane = m.lane
WHERE m.furthest > m.place AND p.line < m.line AND p.place > m.place
  AND (SELECT {a_moment_before_first} FROM messaging_attempt t WHERE t.message_id = p.id) > m.planned_at
"""

_STRANGE = """
SELECT a.message, a.line FROM audit_accepted a
LEFT JOIN messaging_message m ON m.public_id = a.message WHERE m.id IS NULL
"""

_UNWRITTEN = """
SELECT m.public_id AS message, a.accepted, COUNT(t.id) AS attempts
FROM (SELECT message, COUNT(*) AS accepted FROM audit_accepted GROUP BY message) a
JOIN messaging_message m ON m.public_id = a.message
LEFT JOIN messaging_attempt t ON t.message_id = m.id
GROUP BY m.public_id, a.accepted HAVING COUNT(t.id) < a.accepted
"""

# Of the providers whose books these are. Whoever said "treat it as sent" stands in the detail.
_NOT_ACCEPTED = """
SELECT m.public_id AS message, m.state FROM messaging_message m
WHERE m.state IN ('sent', 'delivered') AND m.wire_at >= %s AND m.detail NOT LIKE 'sent: %%'
  AND m.provider IN (SELECT k.provider FROM audit_accepted a JOIN messaging_message k ON k.public_id = a.message)
  AND NOT EXISTS (SELECT 1 FROM audit_accepted a WHERE a.message = m.public_id)
"""


def accepts(entries: Iterable[Mapping[str, Any]]) -> AbstractContextManager[int]:
    """
    A provider's books, laid beside ours while the context lasts; it is the number of messages accepted.

    Args:
        entries: in the order they were accepted: {"line": 1, "message": our key in hex}.
    """
    return laid_beside(entries, table="audit_accepted", columns=_COLUMNS, key="message")


def read_accept(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A line of fakeprovider's ledger as `accepts` takes it; it has our key under "key"."""
    return {"message": hex_of(entry["key"])}


def doubled() -> Iterator[Breach]:
    """Accepted more than once. Within `accepts`, as all of these."""
    return audits.breaches(_DOUBLED, [], "messages were accepted more than once")


def out_of_order() -> Iterator[Breach]:
    """Accepted after one that stood behind them in their customer's line."""
    before = audits.earlier("MIN(t.started_at)", A_MOMENT)
    sql = _OUT_OF_ORDER.format(a_moment_before_first=before)
    return audits.breaches(sql, [], "messages were overtaken in their customer's line")


def strange() -> Iterator[Breach]:
    """Accepted, and no message of ours."""
    return audits.breaches(_STRANGE, [], "the provider accepted messages that we have no row of")


def unwritten() -> Iterator[Breach]:
    """Accepted more often than we have attempts."""
    return audits.breaches(_UNWRITTEN, [], "the provider was called, and nobody wrote it down")


def not_accepted(*, since: datetime) -> Iterator[Breach]:
    """Sent, as we have it, since then, and not accepted by the provider that they went to."""
    return audits.breaches(_NOT_ACCEPTED, [audits.moment(since)], "messages are called sent, and were not accepted")
