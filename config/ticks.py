"""What the worker does by the minute and by night, done in the foreground: for tests, replays and `manage.py tick`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Min

from config.schedules import NIGHT
from crm.events import log
from crm.hooks import deliver
from crm.models import FailedReaction, Purchase, Segment
from crm.services import purchases, segments
from journeys.flows import by_calendar, work
from journeys.models import Enrolment, Intake
from journeys.stages import health, replaying
from messaging.broadcasts import work as broadcasts
from messaging.models import ProviderCall
from messaging.outbox import reconcile, recovery, sender
from messaging.services import calls


def tick(now: datetime, *, limit: int = 500) -> dict[str, int]:
    """
    Do what is due at `now`, at most `limit` rows of each kind, in the order in which one makes work for the next.

    Returns how many rows each kind of work touched; all zero means that nothing is left.
    """
    return {
        "reactions": log.retry_reactions(now=now, limit=limit),
        "late": purchases.flag_late(now=now, limit=limit),
        "segments": segments.refresh_asked(now=now),
        "steps": work.work_due(now=now, limit=limit),
        "broadcasts": broadcasts.work_due(now=now, limit=limit),
        "reconciled": recovery.go_on(now=now) + reconcile.reconcile(now=now).total(),
        "heard": calls.work_off_calls(now=now, limit=limit),
        "messages": sender.send_due(now=now, limit=limit).total(),
        "calls": deliver.deliver_due(now=now, limit=limit).total(),
        "judged": _judge_anew(now),
    }


def _judge_anew(now: datetime) -> int:
    """A batch of a journey that somebody asked to judge anew; never before they asked, since clocks may be virtual."""
    return replaying.go_on(now=now) if replaying.under_way().filter(started_at__lte=now).exists() else 0


def next_due_at() -> datetime | None:
    """
    The earliest instant at which anything falls due, or the calendar must be looked at again; None when nothing waits.

    It may lie in the past: then it is due. Reads first rows, and the people of calendar flows.
    """
    promise = Purchase.objects.awaited().filter(late_since=None).aggregate(at=Min("promised_at"))["at"]
    times = (
        Enrolment.objects.active().filter(is_paused=False).aggregate(at=Min("due_at")),
        Enrolment.objects.filter(release_at__isnull=False).aggregate(at=Min("release_at")),
        Intake.objects.open().aggregate(at=Min("at")),
        {"at": by_calendar.next_look_at()},
        {"at": broadcasts.next_due_at()},
        {"at": sender.next_due_at()},
        # A promise breaks when its moment is over.
        {"at": promise and promise + timedelta.resolution},
        FailedReaction.objects.open().aggregate(at=Min("retry_at")),
        Segment.objects.aggregate(at=Min("refresh_asked_at")),
        ProviderCall.objects.open().aggregate(at=Min("retry_at")),
        replaying.under_way().aggregate(at=Min("started_at")),
    )
    return min((found["at"] for found in times if found["at"]), default=None)


def nights(after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The instants after `after`, up to and with `until`, at which the nightly jobs of a shop in `zone` are due."""
    day = after.astimezone(zone).date()
    while (night := datetime.combine(day, NIGHT, zone)) <= until:
        if night > after:
            yield night.astimezone(UTC)
        day += timedelta(days=1)


def work_at_night(now: datetime) -> dict[str, int]:
    """Do the nightly jobs that decide something about customers; return how many rows each touched."""
    return {"health": health.assess_all(now=now), "segments": segments.ask_refresh_of_all(now)}
