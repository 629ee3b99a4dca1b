"""A database that is away for a while: the worker waits for it, and goes on by itself."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.faults.deployment import Deployment, until
from tests.faults.test_worker import TICKS_MISSED, beats

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

BACKLOG_WITHIN = 60  # seconds
AWAY = TICKS_MISSED + 2  # seconds: longer than a cluster may stand still that could go on


@contextlib.contextmanager
def away(deployment: Deployment) -> Iterator[None]:
    """Nobody is let in while the context lasts, and whoever is in is thrown out."""
    server, name = connection.settings_dict, deployment.environment["DATABASE_URL"].rpartition("/")[2]
    deployment.close()
    place = f"postgresql://{server['USER']}@{server['HOST']}:{server['PORT']}/postgres"
    with psycopg.connect(place, autocommit=True) as maintenance:
        maintenance.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        try:
            maintenance.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [name],
            )
            yield
        finally:
            maintenance.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")


SEND = """
from datetime import timedelta
from django.utils import timezone
from crm.models import Customer
from messaging.outbox.queue import MessageRequest, queue_messages
people = [Customer.objects.create(phone=f"+6681000{number:04}") for number in range(50)]
due = timezone.now() + timedelta(seconds=4)
queue_messages([
    MessageRequest(customer_id=person.pk, channel="sms", topic="order_updates", body="Hi", not_before=due,
                   dedupe_key=f"away:{person.pk}")
    for person in people
], now=timezone.now())
"""


def test_the_worker_waits_for_it_with_few_words_and_works_off_what_fell_due(
    deployment: Deployment, tmp_path: Path
) -> None:
    log = tmp_path / "words"
    with deployment.running("worker", log=log) as worker:
        beats(deployment)
        deployment.manage("shell", "-c", SEND)
        with away(deployment):
            gone_at = time.monotonic()
            until(lambda: time.monotonic() - gone_at > AWAY)
            assert worker.poll() is None
        beats(deployment)
        back_at = time.monotonic()
        until(
            lambda: (
                deployment.rows("SELECT state, COUNT(*) FROM messaging_message GROUP BY state") == [("delivered", 50)]
            )
        )
        assert time.monotonic() - back_at < BACKLOG_WITHIN
        beats(deployment)
        assert worker.poll() is None
    said = log.read_text()
    # Whoever looks for work and whoever watches over them: each at most once in half a minute.
    assert said.count("the database does not say what is due") <= 1
    assert said.count("the heartbeat cannot be read") <= 1
    assert "Failed to pull task" not in said
