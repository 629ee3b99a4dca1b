"""A Redis that is emptied and then killed: the API takes everything, and messages go out in time."""

import json
import time
import urllib.request

import pytest
from redis import Redis

from tests.faults.deployment import Deployment, until
from tests.faults.test_worker import beats
from tools.services import free_port, redis_binaries, run_redis

pytestmark = pytest.mark.faults

IN_TIME = 60  # seconds that a message may be late
SEND = """
from django.utils import timezone
from crm.models import Customer
from messaging.outbox.queue import MessageRequest, queue_messages
person = Customer.objects.create(phone="+66810000{number:03}")
asked = MessageRequest(customer_id=person.pk, channel="sms", topic="order_updates", body="Hi", dedupe_key="{number}")
queue_messages([asked], now=timezone.now())
"""


def report(address: str, key: str, number: int) -> int:
    """Tell the API of an event; the status of its answer."""
    event = {"customer": {"external": {"web": "42"}}, "event": "Product Viewed", "id": f"e-{number}"}
    request = urllib.request.Request(
        f"{address}/api/v1/events/",
        json.dumps(event).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def viewed(deployment: Deployment) -> int:
    return int(deployment.rows("SELECT COUNT(*) FROM crm_event WHERE name = 'Product Viewed'")[0][0])


def on_the_phone(deployment: Deployment) -> int:
    return int(deployment.rows("SELECT COUNT(*) FROM messaging_message WHERE state = 'delivered'")[0][0])


def test_the_api_takes_everything_and_messages_go_out_in_time(deployment: Deployment) -> None:
    binary = next(redis_binaries(), None)
    if binary is None:
        pytest.skip("needs a Redis to kill: none found")
    key = deployment.manage("create_api_key", "shop", "--scopes", "events:write", "--source", "web").strip()
    deployment.manage("collectstatic", "--no-input", "--verbosity=0")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with run_redis(binary) as server:
        deployment.environment |= {"TASK_BROKER": "redis", "REDIS_URL": server.url, "TICK_SECONDS": "5"}
        with deployment.running("worker"), deployment.running("serve", "--port", str(port)):
            until(lambda: answers(address))
            beats(deployment)
            redis = Redis.from_url(server.url)
            harms = (lambda: None, redis.flushall, lambda: redis.shutdown(nosave=True))
            for number, harm in enumerate(harms, start=1):
                harm()
                assert [report(address, key, 10 * number + again) for again in range(3)] == [200] * 3
                deployment.manage("shell", "-c", SEND.format(number=number))
                queued_at = time.monotonic()
                until(lambda sent=number: on_the_phone(deployment) == sent)
                assert time.monotonic() - queued_at < IN_TIME
            assert viewed(deployment) == 9
