"""
Is this the ledger that it was? A database restored from a backup knows nothing of what it has sent since.

Three things give it away. It lies elsewhere: PostgreSQL numbers databases and tables, and never twice. It is behind:
workers write a number that only grows, and keep it outside, too (crm.lib.witness). Or a person says so. From then on no
message is claimed until a person has said what to do. Decision 018.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, JSONField, Value
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from crm.lib import witness
from crm.lib.configuration import remembered
from crm.lib.witness import Sighting
from messaging.models import Ledger, Restoration
from messaging.models.restoration import LATENESS

logger = logging.getLogger("waymark.outbox")
Cause = Restoration.Cause

BEAT_EVERY = timedelta(seconds=10)
MOST_LOST = 20


class ImpossibleTime(ValueError):
    """A time of the backup that cannot be; says why."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A ledger that was found in order. Whoever claims by it gets nothing from an older copy put in its place."""

    book: uuid.UUID
    beat: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A time that is missing from the ledger; `is_open` while nobody has decided about it."""

    since: datetime
    until: datetime
    is_open: bool

    def may_hold(self, meant_at: datetime) -> bool:
        """Whether what was meant for then may have gone out in it."""
        return self.since - LATENESS <= meant_at <= self.until


# --- Noticing -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """The ledger as it says of itself; whether sending `is_held`; and `here`, what the server says of where it lies."""

    ledger: Ledger
    is_held: bool
    here: Mapping[str, str]


def look(*, now: datetime) -> Fence | None:
    """
    See whether this is the ledger that it was; one query while it is. None while sending is held.

    An older copy is noticed here, once, whoever looks first.
    """
    found = _in_order(now)
    return Fence(found.ledger.book, found.ledger.beat) if found else None


def beat(*, now: datetime) -> None:
    """Write that the ledger has come so far, and keep it outside; every few seconds at most. Nothing while held."""
    found = _in_order(now)
    if found is None:
        return
    ledger = found.ledger
    if ledger.beat_at is not None and ledger.beat_at <= now < ledger.beat_at + BEAT_EVERY:
        # Somebody has just written it; this machine keeps it as well.
        witness.remember(ledger.book.hex, Sighting(ledger.beat, ledger.beat_at))
        return
    # One that begins is a book of its own, though it be the copy of another that had not begun.
    book = ledger.book if ledger.beat else uuid.uuid4()
    next_beat = Sighting(ledger.beat + 1, now)
    written = Ledger.objects.filter(pk=ledger.pk, book=ledger.book, beat=ledger.beat).update(
        book=book, beat=next_beat.beat, beat_at=now, identity={**ledger.identity, **found.here}
    )
    # Outside it must never be ahead, so the database comes first.
    if written and witness.remember(book.hex, next_beat) and not ledger.is_witnessed:
        Ledger.objects.filter(pk=ledger.pk, book=book).update(is_witnessed=True)


def _in_order(now: datetime) -> _Found | None:
    # What was kept is read first: another worker may beat in between, and the ledger is never behind what was kept.
    seen = witness.recall()
    found = _found()
    if found.is_held:
        return None
    sighting = seen.get(found.ledger.book.hex)
    if cause := _why_restored(found, sighting):
        _hold(found, cause, sighting, now)
        return None
    return found


def _why_restored(found: _Found, seen: Sighting | None) -> Cause | None:
    ledger = found.ledger
    if not ledger.beat:
        return None  # it has not begun
    if any(ledger.identity.get(name, is_) != is_ for name, is_ in found.here.items()):
        return Cause.MOVED
    if seen and seen.beat > ledger.beat:
        return Cause.BEHIND
    # SQLite's witness lies beside it: it was left behind, or taken away.
    if connection.vendor == "sqlite" and settings.WITNESS_FILE and ledger.is_witnessed and seen is None:
        return Cause.UNWITNESSED
    return None


def _found() -> _Found:
    rows = Ledger.objects.annotate(is_held=Exists(Restoration.objects.open()), here=_here())
    row: Any = rows.filter(pk=1).first()
    if row is None:
        Ledger.objects.get_or_create(pk=1)
        row = rows.get(pk=1)
    return _Found(row, row.is_held, row.here)


def _here() -> RawSQL | Value:
    if connection.vendor != "postgresql":
        return Value({}, JSONField())
    parts = [
        "'database', (SELECT oid::text FROM pg_database WHERE datname = current_database())",
        f"'table', '{Ledger._meta.db_table}'::regclass::oid::text",
    ]
    if _may_call("pg_control_system()"):
        parts.append("'system', (SELECT system_identifier::text FROM pg_control_system())")
    if _may_call("pg_current_wal_lsn()") and _may_call("pg_walfile_name(pg_lsn)"):
        # Another with each recovery to a point in time, and each standby that takes over.
        parts.append("'timeline', left(pg_walfile_name(pg_current_wal_lsn()), 8)")
    return RawSQL(f"jsonb_build_object({', '.join(parts)})", [], output_field=JSONField())  # noqa: S611 - our own


@cache
def _may_call(function: str) -> bool:
    """Some who run PostgreSQL for others take these from everybody; what is left must do then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege(%s, 'EXECUTE')", [function])
        return bool(cursor.fetchone()[0])


# --- Holding --------------------------------------------------------------------------------------


def _hold(found: _Found, cause: Cause, seen: Sighting | None, now: datetime) -> None:
    since = min(found.ledger.beat_at or now, now)
    with transaction.atomic():
        if not _begin_anew(found):
            return  # another worker has noticed as well
        Restoration.objects.create(
            cause=cause, noticed_at=now, last_seen_at=seen.at if seen else None, lost_from=since, lost_until=now
        )
    logger.error("sending is held until somebody runs manage.py reconcile: %s (%s)", cause.label, since.isoformat())


def _begin_anew(found: _Found) -> bool:
    """It goes on as a book of its own, so that a second restore of the same backup is noticed, too."""
    same = Ledger.objects.filter(pk=found.ledger.pk, book=found.ledger.book)
    return bool(same.update(book=uuid.uuid4(), beat=0, is_witnessed=False, identity=dict(found.here)))


@transaction.atomic
def tell(*, backup_at: datetime, now: datetime) -> Restoration:
    """
    A person says that the database was restored from a backup of `backup_at`: hold sending. Known already, it stays so.

    Raises:
        ImpossibleTime: it lies ahead.
    """
    if backup_at > now:
        raise ImpossibleTime(_("The backup cannot be of a time to come."))
    found = _found()
    if not found.is_held and _begin_anew(found):
        Restoration.objects.create(cause=Cause.TOLD, noticed_at=now, lost_from=backup_at, lost_until=now)
    return Restoration.objects.open().get()


def current() -> Restoration | None:
    """For which sending is held now."""
    return Restoration.objects.open().select_related("asked_by").first()


@remembered(Restoration)
def lost() -> tuple[Lost, ...]:
    """The times that are missing from the ledger, the latest first; remembered by batches."""
    rows = Restoration.objects.believed()[:MOST_LOST]
    return tuple(Lost(row.lost_from, row.lost_until, row.ended_at is None) for row in rows)


def when_lost(meant_at: datetime, among: Iterable[Lost]) -> Lost | None:
    """The lost time in which what was meant for `meant_at` may have gone out; None when it surely has not."""
    return next((one for one in among if one.may_hold(meant_at)), None)
