"""Two whole clusters on one database, whose ticks overlap: by the gateway's own books each message went out once."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.deployment import Deployment, until

pytestmark = pytest.mark.faults

PEOPLE, EACH = 200, 3
# Few calls at a time, so that one cluster alone would need many ticks.
IN_FLIGHT = 5
QUEUE = f"""
from django.utils import timezone
from crm.models import Customer
from messaging.outbox.queue import MessageRequest, queue_messages
people = [Customer.objects.create(phone=f"+6681000{{number:04}}") for number in range({PEOPLE})]
queue_messages([
    MessageRequest(customer_id=person.pk, channel="sms", topic="order_updates", body=f"{{turn}}",
                   dedupe_key=f"two:{{person.pk}}:{{turn}}")
    for turn in range({EACH}) for person in people
], now=timezone.now())
"""


@contextmanager
def gateway(deployment: Deployment, ledger: Path, *, mode: str = "dumb") -> Iterator[dict[str, Any]]:
    """A gateway, by default one that cannot be asked and takes the same thing twice; the settings for it."""
    command = deployment.command("fakeprovider", "--mode", mode, "--delay-ms", "20", "--ledger", str(ledger))
    with subprocess.Popen(command, env=deployment.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            _address, _space, config = process.stdout.readline().partition(" ")
            yield json.loads(config)
        finally:
            process.kill()


def beating(deployment: Deployment) -> int:
    return int(deployment.rows("SELECT COUNT(DISTINCT name) FROM crm_heartbeat")[0][0])


def states(deployment: Deployment) -> dict[str, int]:
    return dict(deployment.rows("SELECT state, COUNT(*) FROM messaging_message GROUP BY state"))


def test_everything_goes_out_once(deployment: Deployment, tmp_path: Path) -> None:
    ledger = tmp_path / "gateway.jsonl"
    with gateway(deployment, ledger) as config:
        settings = json.dumps({**config, "in_flight": IN_FLIGHT})
        deployment.manage("set_channel", "sms", "--provider", "http_sms", "--config", settings)
        # A tick may be busy sending for ten seconds; a cluster that misses six of them is taken for stuck.
        unhurried = {"TICK_SECONDS": "5"}
        with deployment.running("worker", **unhurried), deployment.running("worker", **unhurried):
            until(lambda: beating(deployment) == 2)
            deployment.manage("shell", "-c", QUEUE)
            until(lambda: states(deployment) == {"sent": PEOPLE * EACH})
    keys = [json.loads(line)["key"] for line in ledger.read_text().splitlines()]
    assert len(keys) == len(set(keys)) == PEOPLE * EACH
    deployment.manage("audit", "--provider", str(ledger))
