"""The socket `manage.py audit` reads: each app adds the invariants that only it can judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection, models

from crm.lib.ledgers import Ledger

# Of each kind of breach so many rows are listed; all are counted.
MOST_LISTED = 100


class Verdict(StrEnum):
    HOLDS = "ok"
    BROKEN = "breached"
    NOT_LOOKED_AT = "not looked at"


class NotLookedAt(Exception):
    """An invariant cannot be judged, or not wholly; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    What an audit goes by.

    Attributes:
        now: aware.
        answered: what was answered 2xx, as `loadgen` wrote it down.
        accepted: what a provider accepted, as `fakeprovider` wrote it down.
        since: what happened before is nobody's matter; None: everything.
    """

    now: datetime
    answered: Ledger | None = None
    accepted: Ledger | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must not be: `rows` shows up to MOST_LISTED of the `count` behind it, by ids, never by names."""

    message: str
    count: int
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at: "12,000 events"."""

    what: str


@dataclass(slots=True)
class Report:
    """What came of one invariant. `note` says what was looked at, or why not."""

    code: str
    rule: str
    verdict: Verdict = Verdict.HOLDS
    note: str = ""
    breaches: list[Breach] = field(default_factory=list)


Finding = Breach | Seen
Judge = Callable[[Case], Iterable[Finding]]

_judges: dict[str, tuple[str, Judge]] = {}


def invariant(code: str, rule: str) -> Callable[[Judge], Judge]:
    """
    Register a function (case) -> findings, which may raise NotLookedAt, also after some findings.

    Args:
        code: "I1"; reports are sorted by it.
        rule: what holds, in a sentence.
    """

    def decorator(judge: Judge) -> Judge:
        _judges[code] = rule, judge
        return judge

    return decorator


def audit(case: Case) -> list[Report]:
    """Judge every invariant."""
    return [_judge(Report(code, rule), judge, case) for code, (rule, judge) in sorted(_judges.items())]


def breaches(sql: str, parameters: Sequence[Any], message: str) -> Iterator[Breach]:
    """The rows that `sql` finds as one breach, the first of them listed in the order of their first column; or none."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT found.*, COUNT(*) OVER () FROM ({sql}) AS found ORDER BY 1 LIMIT {MOST_LISTED}",  # noqa: S608
            parameters,
        )
        rows = cursor.fetchall()
        columns = [column[0] for column in cursor.description[:-1]]
    if rows:
        yield Breach(message, rows[0][-1], [dict(zip(columns, row[:-1], strict=True)) for row in rows])


def breaches_among(rows: models.QuerySet[Any], message: str, /, **shown: str) -> Iterator[Breach]:
    """All of `rows` as one breach, the first of them listed; or none. `shown`: a listed row, by its columns."""
    if count := rows.count():
        listed = rows.order_by("pk").values_list(*shown.values())[:MOST_LISTED]
        yield Breach(message, count, [dict(zip(shown, row, strict=True)) for row in listed])


def moment(at: datetime) -> Any:
    """An instant as a parameter that compares with a column of ours."""
    return connection.ops.adapt_datetimefield_value(at)


def earlier(column: str, by: timedelta) -> str:
    """SQL for the instant so long before that of `column`."""
    seconds = by.total_seconds()
    if connection.vendor == "postgresql":
        return f"({column} - interval '{seconds} seconds')"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {column}, '-{seconds} seconds')"


def _judge(report: Report, judge: Judge, case: Case) -> Report:
    try:
        for finding in judge(case):
            if isinstance(finding, Seen):
                report.note = finding.what
            else:
                report.breaches.append(finding)
    except NotLookedAt as reason:
        report.verdict, report.note = Verdict.NOT_LOOKED_AT, str(reason)
    if report.breaches:
        report.verdict = Verdict.BROKEN
    return report
