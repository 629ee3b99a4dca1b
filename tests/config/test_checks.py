"""What `manage.py doctor` sees, and what it advises."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone
from django_q.models import Schedule

from config import checks
from crm.lib import health
from crm.lib.health import Finding, Level
from crm.models import Heartbeat

pytestmark = pytest.mark.django_db


def examine() -> tuple[bool, dict[str, list[Finding]]]:
    """The doctor's JSON as (healthy, findings by check)."""
    out, code = io.StringIO(), 0
    try:
        call_command("doctor", "--json", stdout=out)
    except SystemExit as ended:
        code = ended.code
    told = json.loads(out.getvalue())
    assert told["healthy"] == (code == 0)
    by_check: dict[str, list[Finding]] = {}
    for found in told["findings"]:
        finding = Finding(Level(found["level"]), found["message"], found["remedy"])
        by_check.setdefault(found["check"], []).append(finding)
    return told["healthy"], by_check


@pytest.fixture
def well() -> None:
    """An installation with its schedules written and a worker that beats."""
    call_command("sync_schedules", verbosity=0)
    Heartbeat.objects.create(name="worker:shop:1", beat_at=timezone.now() - timedelta(seconds=5))


def errors_of(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == Level.ERROR]


@pytest.mark.usefixtures("well")
def test_an_installation_that_is_well_has_no_errors():
    healthy, findings = examine()

    assert healthy
    for name in ("settings", "database", "clocks", "schedules", "worker", "reactions"):
        assert findings[name][-1].level == Level.OK, name


def test_a_new_installation_is_told_to_write_its_schedules_and_start_a_worker():
    healthy, findings = examine()

    assert not healthy
    assert findings["worker"] == [
        health.error("No worker has ever run here: nothing that is due gets done.", "Start one: manage.py worker")
    ]
    assert findings["schedules"] == [
        health.error(
            "The schedules differ from config/schedules.py: assess-health, forget-lateness, "
            "forget-old, prune, refresh-segments.",
            "Run: manage.py sync_schedules",
        )
    ]


@pytest.mark.usefixtures("well")
def test_a_heartbeat_of_two_minutes_ago_means_that_the_worker_is_gone():
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=2))

    _, findings = examine()

    assert [finding.remedy for finding in errors_of(findings["worker"])] == ["Start a worker: manage.py worker"]


@pytest.mark.usefixtures("well")
def test_a_schedule_that_nobody_knows_is_named():
    Schedule.objects.create(name="by hand", func="math.sqrt", args="'oops'")

    _, findings = examine()

    assert findings["schedules"][0].message == "The schedules differ from config/schedules.py: by hand."


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bulk", 10),
        ("queue_limit", 100),
        ("timeout", 90),
        ("retry", 60),
        ("max_attempts", 0),
        ("ack_failures", False),
        ("catch_up", True),
        ("save_limit", 250),
    ],
)
def test_a_task_queue_that_would_lose_or_double_work_is_an_error(settings, name, value):
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, name: value}

    healthy, findings = examine()

    assert not healthy
    assert [finding.message.split()[2] for finding in errors_of(findings["settings"])] == [name]


@pytest.mark.usefixtures("well")
def test_a_setting_left_to_the_librarys_default_is_an_error_too(settings):
    settings.Q_CLUSTER = {name: value for name, value in settings.Q_CLUSTER.items() if name != "max_attempts"}

    _, findings = examine()

    assert len(errors_of(findings["settings"])) == 1


@pytest.mark.usefixtures("well")
def test_plain_http_and_debug_are_warnings(settings):
    settings.HTTPS = False
    assert "HTTPS is off" in checks_message("settings")
    settings.DEBUG = True
    assert "DEBUG is on" in checks_message("settings")


def checks_message(name: str) -> str:
    return " ".join(finding.message for finding in examine()[1][name])


@pytest.mark.usefixtures("well")
def test_missing_migrations_are_counted_and_the_first_is_named(monkeypatch):
    monkeypatch.setattr(checks, "pending_migrations", lambda: ["crm.0002_more", "crm.0003_still_more"])

    _, findings = examine()

    assert findings["database"] == [
        health.error("2 migrations are not applied, first crm.0002_more.", "Run: manage.py migrate")
    ]


@pytest.mark.usefixtures("well")
def test_a_database_that_does_not_answer_hides_none_of_the_other_findings(monkeypatch):
    def away() -> list[str]:
        raise OperationalError("connection refused")

    monkeypatch.setattr(checks, "pending_migrations", away)

    healthy, findings = examine()

    assert not healthy
    assert findings["database"][0].message == "The database does not answer: connection refused."
    assert findings["settings"][-1].level == Level.OK


@pytest.mark.postgres
def test_clocks_more_than_half_a_minute_apart_are_an_error():
    now = timezone.now()

    assert [finding.level for finding in checks.clock(now)] == [Level.OK]
    assert [finding.level for finding in checks.clock(now - timedelta(seconds=29))] == [Level.OK]
    assert [finding.level for finding in checks.clock(now - timedelta(seconds=40))] == [Level.ERROR]
    assert [finding.level for finding in checks.clock(now + timedelta(seconds=40))] == [Level.ERROR]


@pytest.mark.usefixtures("well")
def test_a_redis_that_is_down_is_an_error_and_one_that_is_not_used_is_none(settings):
    settings.REDIS_URL = ""
    assert "redis" not in examine()[1]

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [finding.level for finding in examine()[1]["redis"]] == [Level.ERROR]


@pytest.mark.usefixtures("well")
def test_a_check_that_fails_is_itself_a_finding(monkeypatch):
    def sick(now: datetime) -> Any:
        raise RuntimeError("no such table")

    monkeypatch.setitem(health._checks, "sick", sick)

    healthy, findings = examine()

    assert not healthy
    assert findings["sick"][0].message == "the check could not be made: RuntimeError: no such table"
    assert findings["database"][0].level == Level.OK


@pytest.mark.usefixtures("well")
def test_people_read_a_line_for_each_finding():
    out = io.StringIO()

    call_command("doctor", "--no-color", stdout=out)

    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["ok", "worker", "worker:shop:1", "beat"] in [line[:4] for line in lines]
    assert not any(line[0] == "ERROR" for line in lines)
