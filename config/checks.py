"""What `manage.py doctor` looks at, besides what the apps add: settings, database, clocks, schedules, worker."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django_q.models import OrmQ, Schedule

from config.schedules import NIGHTLY
from crm.lib.health import Finding, check, error, ok, warning
from crm.models import FailedReaction, Heartbeat

MAX_CLOCK_SKEW = timedelta(seconds=30)
FRESH_HEARTBEAT = timedelta(seconds=90)
MAX_QUEUED = 1000

# What docs/decisions/007 found necessary: name, whether the value will do, and why it matters.
TASK_QUEUE_RULES = (
    ("bulk", lambda q: q["bulk"] == 1, "bulk must be 1: what is fetched ahead runs twice after a kill"),
    ("queue_limit", lambda q: q["queue_limit"] <= 8, "queue_limit must be 8 or less, for the same reason"),
    ("timeout", lambda q: 0 < q["timeout"] <= 60, "timeout must be 60 seconds or less: a task carries one batch"),
    ("retry", lambda q: q["retry"] > 2 * q["timeout"], "retry must be well above timeout, or tasks run twice"),
    ("max_attempts", lambda q: q["max_attempts"] == 1, "max_attempts must be 1: the next tick is the retry"),
    (
        "ack_failures",
        lambda q: q["ack_failures"],
        "ack_failures must be true, or a failing task never leaves the queue",
    ),
    ("catch_up", lambda q: not q["catch_up"], "catch_up must be false: one late run does the work of many"),
    ("save_limit", lambda q: q["save_limit"] <= 0, "save_limit must be -1: keeping successes slows every task"),
)


@check("settings")
def configuration(now: datetime) -> Iterator[Finding]:
    broken = [
        why for name, holds, why in TASK_QUEUE_RULES if name not in settings.Q_CLUSTER or not holds(settings.Q_CLUSTER)
    ]
    for why in broken:
        yield error(f"Task queue: {why}.", "Restore Q_CLUSTER in config/settings.py.")
    if settings.DEBUG:
        yield warning("DEBUG is on: errors show their inside to visitors.", "Unset DEBUG wherever others can reach it.")
    elif not settings.HTTPS:
        yield warning("HTTPS is off: passwords and cookies travel in the open.", "Set HTTPS=true behind a TLS proxy.")
    if connection.vendor != "sqlite":
        if not settings.DATABASES["default"].get("CONN_HEALTH_CHECKS"):
            yield error(
                "CONN_HEALTH_CHECKS is off: a restarted database fails the next task.", "Switch it on in settings."
            )
        if not settings.REDIS_URL:
            yield warning(
                "There is no shared cache: each web process counts sign-in attempts for itself.", "Set REDIS_URL."
            )
    if not broken:
        yield ok("The settings hold what the task queue needs.")


@check("database")
def database(now: datetime) -> Iterator[Finding]:
    try:
        missing = pending_migrations()
    except DatabaseError as problem:
        yield error(f"The database does not answer: {problem}.", "Start it, or correct DATABASE_URL.")
        return
    if missing:
        yield error(f"{len(missing)} migrations are not applied, first {missing[0]}.", "Run: manage.py migrate")
    else:
        yield ok(f"{connection.display_name} answers and its tables are up to date.")


@check("clocks")
def clock(now: datetime) -> Iterator[Finding]:
    if connection.vendor != "postgresql":
        yield ok("The database runs on this machine's clock.")
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            skew = abs(cursor.fetchone()[0] - now)
    except DatabaseError as problem:
        yield error(f"The database's clock cannot be read: {problem}.", "See the finding on the database.")
        return
    if skew > MAX_CLOCK_SKEW:
        yield error(
            f"This machine's clock is {skew.total_seconds():.0f} s away from the database's: leases would break.",
            "Run a time service (chrony, systemd-timesyncd) on both.",
        )
    else:
        yield ok("This machine and the database agree on the time.")


@check("redis")
def cache(now: datetime) -> Iterator[Finding]:
    if not settings.REDIS_URL:
        return
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2).ping()
    except redis.RedisError as problem:
        yield error(f"Redis does not answer: {problem}.", "Start it, or correct REDIS_URL.")
    else:
        yield ok("Redis answers.")


@check("schedules")
def schedules(now: datetime) -> Iterator[Finding]:
    wanted = {job.name: job.func for job in NIGHTLY}
    found = dict(Schedule.objects.values_list("name", "func"))
    if found == wanted:
        yield ok(f"{len(found)} schedules are in place.")
    else:
        names = ", ".join(sorted({str(name) for name, _ in wanted.items() ^ found.items()}))
        yield error(f"The schedules differ from config/schedules.py: {names}.", "Run: manage.py sync_schedules")


@check("worker")
def worker(now: datetime) -> Iterator[Finding]:
    newest = Heartbeat.objects.order_by("-beat_at").first()
    if newest is None:
        yield error("No worker has ever run here: nothing that is due gets done.", "Start one: manage.py worker")
    elif now - newest.beat_at > FRESH_HEARTBEAT:
        yield error(f"The last heartbeat was at {newest.beat_at:%F %T} UTC.", "Start a worker: manage.py worker")
    else:
        yield ok(f"{newest.name} beat {(now - newest.beat_at).total_seconds():.0f} s ago.")
    queued = OrmQ.objects.count()
    if queued > MAX_QUEUED:
        yield warning(
            f"{queued} wake-ups are queued.", "They are only hints: manage.py shell, then OrmQ.objects.all().delete()."
        )


@check("reactions")
def reactions(now: datetime) -> Iterator[Finding]:
    failed = FailedReaction.objects.open()
    count = failed.count()
    if not count:
        yield ok("Every fact was reacted to.")
        return
    oldest = failed.order_by("failed_at")[0]
    yield warning(
        f"{count} reactions to facts have failed and wait for another try; the oldest, {oldest.receiver} on event "
        f"{oldest.event_id}: {oldest.error[:200]}",
        "They are retried by themselves; mend what the error names.",
    )


def pending_migrations() -> list[str]:
    """The migrations not yet applied, as "app.name", in order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
