"""Probes: is the process up, can it serve."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from config import health
from crm.models import Heartbeat


def test_a_live_process_says_so_without_asking_the_database(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db
def test_it_is_ready_when_database_and_tables_are_even_without_a_worker(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "worker_heartbeat_age_seconds": None})


@pytest.mark.django_db
def test_it_tells_how_old_the_newest_heartbeat_is(client):
    Heartbeat.objects.create(name="worker:a:1", beat_at=timezone.now() - timedelta(hours=1))
    Heartbeat.objects.create(name="worker:b:2", beat_at=timezone.now() - timedelta(seconds=7))

    assert 7 <= client.get("/readyz").json()["worker_heartbeat_age_seconds"] < 60


@pytest.mark.django_db
def test_it_is_not_ready_before_its_tables_are(client, monkeypatch):
    monkeypatch.setattr(health, "pending_migrations", lambda: ["crm.0002_more", "crm.0003_still_more"])

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reason": "2 migrations are not applied"}


@pytest.mark.django_db
def test_it_is_not_ready_without_a_database_and_tells_no_secrets(client, monkeypatch):
    def away() -> list[str]:
        raise OperationalError('connection to "db.internal" failed: password "hunter2"')

    monkeypatch.setattr(health, "pending_migrations", away)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "reason": "the database does not answer"}
