"""Trials on the past as rows: the worker does a part at a time, and after a kill it goes on where it stopped."""

from __future__ import annotations

import logging
import traceback
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from crm.lib import bell
from crm.models import User
from journeys.models import Backtest, Flow
from journeys.simulation.backtest.backtest import add_part, begin, trial_of
from journeys.simulation.backtest.report import Report, as_json, from_json

BELL = "run_backtests"
LEASE = timedelta(minutes=5)  # longer than any part takes
KEPT = 10  # of a flow, the latest
logger = logging.getLogger("waymark.backtests")


@transaction.atomic
def ask(
    flow: Flow, *, since: datetime, until: datetime, most: int, actor: User | None, now: datetime,
    sms_price: Decimal | None = None,
) -> Backtest:  # fmt: skip
    """
    Have the worker try the draft, known to have no faults, on the time from `since` to `until`.

    Raises:
        CannotBacktest: no event starts it, or the time is longer than a year.
    """
    trial_of(flow.draft, since=since, until=until, slug=flow.slug, most=most)
    row = Backtest.objects.create(
        flow=flow, definition=flow.draft, since=since, until=until, most=most, sms_price=sms_price,
        asked_by=actor, asked_at=now,
    )  # fmt: skip
    old = Backtest.objects.filter(flow=flow).order_by("-pk").values_list("pk", flat=True)[KEPT:]
    Backtest.objects.filter(pk__in=list(old)).delete()
    bell.ring(BELL)
    return row


def go_on(*, now: datetime) -> int:
    """Do a part of the first trial that no worker has in hand; returns its events, at least 1. 0: nothing to do."""
    for row in Backtest.objects.claimable(now).select_related("flow"):
        lease = now + LEASE
        claimed = Backtest.objects.claimable(now).filter(pk=row.pk, position=row.position)
        if claimed.update(leased_until=lease):
            return max(_part(row, lease, now), 1)
    return 0


def _part(row: Backtest, lease: datetime, now: datetime) -> int:
    try:
        report, last, done = _tried(row)
    except Exception:
        logger.exception("trial %s on the past cannot go on", row.pk)
        _write(row, lease, finished_at=now, error=traceback.format_exc()[-5000:])
        return 0
    position = {"finished_at": now} if last is None else {"position": last}
    _write(row, lease, report=as_json(report), done=row.done + done, total=report.tried, leased_until=None, **position)
    return done


def _tried(row: Backtest) -> tuple[Report, int | None, int]:
    trial = trial_of(row.definition, since=row.since, until=row.until, slug=row.flow.slug, most=row.most)
    report = from_json(row.report) if row.report else begin(trial)
    last, done = add_part(report, trial, after=row.position)
    return report, last, done


def _write(row: Backtest, lease: datetime, **changes: Any) -> None:
    """Unless the row was taken away meanwhile, or another worker has taken it over."""
    Backtest.objects.filter(pk=row.pk, leased_until=lease, position=row.position).update(**changes)
