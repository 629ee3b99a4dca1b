"""A database that is away for a while: the worker waits for it, and goes on by itself."""

import contextlib
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from tests.faults.deployment import Deployment, until
from tests.faults.test_worker import TICKS_MISSED, beats

pytestmark = [pytest.mark.faults, pytest.mark.postgres]

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


def test_the_worker_waits_for_it_and_goes_on(deployment: Deployment) -> None:
    with deployment.running("worker") as worker:
        beats(deployment)
        with away(deployment):
            gone_at = time.monotonic()
            until(lambda: time.monotonic() - gone_at > AWAY)
            assert worker.poll() is None
        beats(deployment)
        beats(deployment)
        assert worker.poll() is None
