"""Take messages for this worker: with a lease, in order, and never the same one twice."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.db import connection

from crm.lib import bulk
from crm.lib.among import Among, among
from crm.lib.reads import attach, read_rows
from messaging.models import Ledger, Message
from messaging.outbox.clock import Stopwatch
from messaging.outbox.restores import Fence
from messaging.selectors.recipients import Addressee, recipients

LEASE = timedelta(seconds=60)
# A row that was in the hands of this many workers that died is tried on its own from then on.
SUSPECT_AFTER = 3

# Head of the line only: nothing planned by now stands before it in its customer's lane of this channel. "Before" goes
# by priority, then by age; by `planned_at`, not `due_at`, so that a message in back-off is not overtaken and one
# planned for next month blocks nobody.
#
# OFFSET 0 keeps PostgreSQL from joining the queue with itself, as it would after ANALYZE has seen it empty. For the
# same reason the rows, which are locked by then, are found by their numbers alone.
_CLAIM = """
WITH picked AS MATERIALIZED (
    SELECT m.id FROM messaging_message m
    WHERE m.state = 'queued' AND m.channel = %(channel)s AND m.due_at <= %(now)s AND {which} AND {may}
      AND NOT EXISTS (
        SELECT 1 FROM messaging_message p
        WHERE p.customer_id = m.customer_id AND p.channel = m.channel AND p.lane = m.lane
          AND p.state IN ('queued', 'sending', 'unknown') AND p.planned_at <= %(now)s
          AND (p.priority > m.priority OR (p.priority = m.priority AND p.id < m.id))
        LIMIT 1 OFFSET 0)
    ORDER BY m.due_at, m.id LIMIT %(limit)s {lock})
UPDATE messaging_message
SET state = 'sending', lease_token = %(token)s, lease_until = %(until)s, provider = %(provider)s,
    attempts = attempts + 1
FROM picked WHERE messaging_message.id = picked.id
RETURNING messaging_message.id
"""
# Columns that nobody asks for on the way to the provider, or that are written there before they are read.
_LEFT_OUT = (
    "dedupe_key", "priority", "queued_at", "planned_at", "decision", "html", "segments", "cost_micros", "version_id",
    "clicked_at",
)  # fmt: skip
# Nothing from a ledger that was restored, nor from an older copy put in the place of the one that was looked at.
_NOT_HELD = "NOT EXISTS (SELECT 1 FROM messaging_restoration WHERE ended_at IS NULL)"
_SAME_BOOK = "EXISTS (SELECT 1 FROM messaging_ledger WHERE book = %(book)s AND beat >= %(beat)s)"
_LANE = f"m.lane = %(lane)s AND m.crashes < {SUSPECT_AFTER}"
_SUSPECTS = f"m.crashes >= {SUSPECT_AFTER}"


@dataclass(slots=True)
class Claim:
    """
    Messages in this worker's hands until `until`, and the people they are for. Every write about them repeats `token`.
    """

    token: str
    until: datetime
    messages: list[Message] = field(default_factory=list)
    people: Mapping[int, Addressee] = field(default_factory=dict)
    _watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def left(self) -> timedelta:
        """How much longer it holds."""
        return LEASE - self._watch.passed


def claim(
    *, channel: str, lane: int | None, provider: str, now: datetime, limit: int, fence: Fence | None = None
) -> Claim:
    """
    Take up to `limit` due messages of one lane. Two workers never get the same row; nobody waits for a lock.

    One statement, and a query each for the rows, their customers, and the topics and templates among them.

    Args:
        lane: None for the suspects instead: messages in the hands of several workers when those died.
        fence: the ledger as it was found; from an older copy of it nothing is taken.
    """
    taken = Claim(secrets.token_hex(16), now + LEASE)
    parameters = {
        "channel": channel, "lane": lane, "provider": provider, "limit": limit, "token": taken.token,
        "now": _moment(now), "until": _moment(taken.until),
    }  # fmt: skip
    if fence:
        book = Ledger._meta.get_field("book").get_db_prep_value(fence.book, connection)
        parameters |= {"book": book, "beat": fence.beat}
    sql = _CLAIM.format(
        which=_SUSPECTS if lane is None else _LANE,
        may=f"{_NOT_HELD} AND {_SAME_BOOK}" if fence else _NOT_HELD,
        lock="FOR UPDATE OF m SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        ids = [pk for (pk,) in cursor.fetchall()]
    if ids:
        rows = Message.objects.filter(Among("pk", ids)).order_by("due_at", "pk")
        taken.messages = read_rows(rows, leaving_out=_LEFT_OUT)
        attach(taken.messages, "topic", "template")
        taken.people = recipients(message.customer_id for message in taken.messages)
    return taken


def held(ids: Iterable[int], token: str) -> dict[int, str]:
    """The present states of those messages that the lease still holds, by id; their rows are locked."""
    mine, wanted = among("id", ids)
    lock = "FOR NO KEY UPDATE" if connection.features.has_select_for_no_key_update else ""
    sql = f"SELECT id, state FROM messaging_message WHERE {mine} AND lease_token = %s ORDER BY id {lock}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [wanted, token])
        return dict(cursor.fetchall())


def mark(rows: Sequence[Mapping[str, Any]], *, fields: Sequence[str]) -> set[int]:
    """
    Set `fields` of claimed messages that are still to be sent; return the ids of those that were, which are locked now.

    Args:
        rows: as for `update`. Rows that were cancelled or withheld meanwhile stay as they are, too.
    """
    # In the order in which everybody locks them.
    rows = sorted(rows, key=itemgetter("id"))
    sending = {"state": Message.State.SENDING}
    return bulk.update_those(Message, rows, fields=fields, match=("id", "lease_token"), only=sending)


def finish(rows: Sequence[Mapping[str, Any]], *, fields: Sequence[str]) -> set[int]:
    """`mark` for messages whose calls have ended; so does the lease."""
    return mark([{**row, "lease_until": None} for row in rows], fields=[*fields, "lease_until"])


def still_sending(ids: Iterable[int], token: str) -> set[int]:
    """Those messages that the lease still holds and that nobody has stopped; their rows are locked."""
    return {pk for pk, state in held(ids, token).items() if state == Message.State.SENDING}


def release(messages: Iterable[Message], token: str, *, due_at: datetime) -> None:
    """Put messages that never reached the wire back in line for `due_at`; it costs them no attempt."""
    write(
        [
            {
                "id": message.pk, "lease_token": token, "state": Message.State.QUEUED, "due_at": due_at,
                "attempts": message.attempts - 1, "cleared_at": None,
            }
            for message in messages
        ],
        fields=("state", "due_at", "attempts", "cleared_at"),
    )  # fmt: skip


def update(rows: Sequence[Mapping[str, Any]], *, fields: Sequence[str]) -> None:
    """
    Set `fields` of claimed messages; one statement.

    Args:
        rows: each with "id", "lease_token" and every name in `fields`. Rows whose lease has passed to another worker,
            or was ended by `reconcile`, stay as they are.
    """
    bulk.update_rows(Message, rows, fields=fields, match=("id", "lease_token"))


def write(rows: Sequence[Mapping[str, Any]], *, fields: Sequence[str]) -> None:
    """`update`, and the lease ends."""
    update([{**row, "lease_until": None} for row in rows], fields=[*fields, "lease_until"])


def _moment(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)
