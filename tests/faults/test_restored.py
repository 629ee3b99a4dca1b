"""
A database restored from a backup, though messages have gone out since: nothing leaves before a person has said so, and
by the gateway's own books nobody gets the same words twice, whatever the gateway can be asked.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.faults.deployment import Deployment, until
from tests.faults.test_two_clusters import gateway, states
from tests.faults.test_worker import beats
from tools.services import postgres_binaries

pytestmark = pytest.mark.faults

PEOPLE = 15
# On a busy machine a cluster that misses six ticks of a second is taken for stuck.
UNHURRIED = {"TICK_SECONDS": "5"}
# For each: a message that waits in the backup, two of a flow that are written behind it, one due long after.
QUEUE = f"""
from datetime import timedelta
from django.utils import timezone
from crm.models import Customer
from journeys.flows.enrolment import enrol_by_hand
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.factories.journeys import live_flow
now = timezone.now()
people = [Customer.objects.create(phone=f"+6681000{{number:04}}") for number in range({PEOPLE})]
queue_messages([
    MessageRequest(customer_id=person.pk, channel="sms", topic="order_updates", body=body, cause={{"kind": "staff"}},
                   not_before=at, dedupe_key=f"{{body}}:{{person.pk}}")
    for person in people for body, at in (("waited", now), ("later", now + timedelta(days=1)))
], now=now)
def send(name):
    return {{"id": name, "type": "send", "channel": "sms", "topic": "order_updates", "body": name}}
flow = live_flow(send("first"), {{"id": "wait", "type": "wait", "for": "PT3S"}}, send("second"))
enrol_by_hand(flow, people, now=now)
"""
GONE_OUT = ("waited", "first", "second")


class Books:
    """What the gateway accepted."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def texts(self) -> Counter[str]:
        return Counter(line["text"] for line in self._lines())

    def at_rest(self) -> Counter[str]:
        """What it has accepted once nothing is on its way to it: a killed worker's last calls may still be."""
        looks = [self.texts()]
        while len(looks) < 2 or looks[-1] != looks[-2]:
            time.sleep(2)
            looks.append(self.texts())
        return looks[-1]

    def twice(self) -> list[Any]:
        """Who got the same words more than once."""
        found = Counter((line["to"], line["text"]) for line in self._lines())
        return sorted(entry for entry, number in found.items() if number > 1)

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._ledger.read_text().splitlines()]


@contextlib.contextmanager
def backup(deployment: Deployment, folder: Path) -> Iterator[Path]:
    """A backup of now, as docs/operations.md tells to make one; restored when the context ends."""
    deployment.close()
    url = deployment.environment["DATABASE_URL"]
    file = folder / "backup"
    if connection.vendor == "sqlite":
        place = Path(url.removeprefix("sqlite:///"))
        with contextlib.closing(sqlite3.connect(place)) as source, contextlib.closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
        yield file
        deployment.close()
        for rest in ("-wal", "-shm"):
            place.with_name(f"{place.name}{rest}").unlink(missing_ok=True)
        shutil.copy(file, place)
        return
    # The first that the tests use for their server has what its version needs.
    tools = next(postgres_binaries()).path.parent
    address = url.replace("postgres://", "postgresql://")
    subprocess.run([tools / "pg_dump", "--format=custom", "--file", file, address], check=True)
    yield file
    deployment.close()
    subprocess.run([tools / "pg_restore", "--clean", "--if-exists", "--dbname", address, file], check=True)


def held(deployment: Deployment) -> list[str]:
    return [cause for (cause,) in deployment.rows("SELECT cause FROM messaging_restoration WHERE ended_at IS NULL")]


def beat(deployment: Deployment) -> int:
    return int(deployment.rows("SELECT beat FROM messaging_ledger")[0][0])


@pytest.mark.parametrize("mode", ["lookup", "idem", "dumb"])
def test_nothing_goes_out_before_a_person_says_so_and_nothing_twice(
    deployment: Deployment, tmp_path: Path, mode: str
) -> None:
    books = Books(tmp_path / "gateway.jsonl")
    with gateway(deployment, tmp_path / "gateway.jsonl", mode=mode) as config:
        settings = json.dumps({**config, "in_flight": 5})
        deployment.manage("set_channel", "sms", "--provider", "http_sms", "--config", settings)
        with deployment.running("worker", **UNHURRIED):
            until(lambda: beat(deployment))
        begun = beat(deployment)
        deployment.manage("shell", "-c", QUEUE)
        with backup(deployment, tmp_path):
            with deployment.running("worker", **UNHURRIED):
                # Cut down in the middle: some of the second texts are out.
                until(lambda: books.texts()["second"] >= PEOPLE // 2 and beat(deployment) > begun)
            before = books.at_rest()
        assert before["waited"] == before["first"] == PEOPLE

        with deployment.running("worker", **UNHURRIED):
            until(lambda: held(deployment))
            for _tick in range(3):
                beats(deployment)
            assert books.texts() == before
            assert held(deployment) == ["moved" if connection.vendor == "postgresql" else "behind"]
            doctor = subprocess.run(deployment.command("doctor"), env=deployment.environment, stdout=subprocess.PIPE)
            assert doctor.returncode == 1
            assert b"restored from a backup" in doctor.stdout

            deployment.manage("reconcile")
            until(lambda: not held(deployment))
            for _tick in range(3):
                beats(deployment)
            until(lambda: states(deployment).get("queued") == PEOPLE and not states(deployment).get("sending"))
    assert books.twice() == []
    assert books.texts() == before
    # The first texts that waited can be asked about, or sent again under their keys; what is written anew cannot.
    known = {"lookup": {"sent": PEOPLE}, "idem": {"sent": PEOPLE}, "dumb": {}}[mode]
    assert states(deployment) == {
        **known, "queued": PEOPLE, "unknown_final": len(GONE_OUT) * PEOPLE - known.get("sent", 0),
    }  # fmt: skip
