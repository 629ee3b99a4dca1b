"""
From queued to sent over HTTP: `http_sms` to a gateway on this machine that takes 20 ms for each answer, ledger, policy
and text included. Beside it a client that makes one call after the other (S), and as many calls in the air without any
ledger (what the gateway itself gives).
"""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from crm.lib import bell
from crm.models import Topic
from messaging.models import ChannelSettings, Message
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.benchmarks import shop, sql
from tests.benchmarks.crew import Crew
from tests.benchmarks.harness import ROUNDS, Rate, row, scaled, timed

NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
DELAY_MS = 20
MESSAGES = scaled(5_000)
ALONE = 100
IN_FLIGHT = 100
_fresh = count()


def rows() -> list[dict[str, str]]:
    people = shop.add_people(MESSAGES, now=NOW, topic=Topic.objects.order_by("pk")[0])
    crews = [Crew(size) for size in ((1, 2) if sql.is_postgres() else (1,))]
    try:
        with _gateway() as (address, config):
            _connect(config)
            alone, bare, ours = _measured(address, people, crews)
    finally:
        for crew in crews:
            crew.dismiss()
    found = [row("calls one after the other to a gateway of 20 ms (S)", alone)]
    found += [
        row(f"queued → sent to it, {crew.size} worker{'s' if crew.size > 1 else ''}, of S", rate, alone, "25", "50")
        for crew, rate in zip(crews, ours, strict=True)
    ]
    return [*found, row(f"… of {IN_FLIGHT} calls in the air without a ledger", ours[-1], bare)]


def _measured(address: str, people: Sequence[int], crews: Sequence[Crew]) -> tuple[Rate, Rate, list[Rate]]:
    alone, bare = [], []
    ours: list[list[float]] = [[] for _ in crews]
    for number in range(ROUNDS + 1):
        one_by_one, at_once = timed(lambda: _one_by_one(address)), timed(lambda: asyncio.run(_at_once(address)))
        through = [_through_the_ledger(crew, people) for crew in crews]
        if number == 0:
            sql.run("ANALYZE")
            continue  # the warm-up
        alone.append(one_by_one)
        bare.append(at_once)
        for rates, rate in zip(ours, through, strict=True):
            rates.append(rate)
    return (
        Rate(median(alone), "messages"),
        Rate(median(bare), "calls"),
        [Rate(median(rates), "messages") for rates in ours],
    )


def _through_the_ledger(crew: Crew, people: Sequence[int]) -> float:
    number = next(_fresh)
    requests = [
        MessageRequest(
            customer_id=pk, channel="sms", topic="after_sales", dedupe_key=f"gateway:{number}:{pk}",
            body="Hello {{ customer.first_name }}, how do you like what you bought?",
        )
        for pk in people
    ]  # fmt: skip
    with bell.silenced():
        for start in range(0, len(requests), 500):
            queue_messages(requests[start : start + 500], now=NOW)
    seconds, _replies = crew.do("send", now=NOW)
    left = Message.objects.exclude(state=Message.State.SENT).count()
    if left:
        raise AssertionError(f"{left} messages are not sent")
    return len(people) / seconds


@contextmanager
def _gateway() -> Iterator[tuple[str, dict[str, Any]]]:
    """Its address, and the settings to send to it."""
    command = [sys.executable, "manage.py", "fakeprovider", "--delay-ms", str(DELAY_MS), "--seconds", "1800"]
    gateway = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address, _, config = (gateway.stdout.readline() if gateway.stdout else "").partition(" ")
        yield address, orjson.loads(config)
    finally:
        gateway.terminate()
        gateway.communicate()


def _connect(config: dict[str, Any]) -> None:
    sms = ChannelSettings.objects.get(channel="sms")
    sms.provider, sms.config = "http_sms", config
    sms.save()


def _one_by_one(address: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    for _ in range(ALONE):
        connection.request("POST", "/messages", _message())
        connection.getresponse().read()
    connection.close()
    return ALONE


async def _at_once(address: str) -> int:
    numbers = iter(range(MESSAGES))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def caller() -> None:
            for _ in numbers:
                async with session.post(f"{address}/messages", data=_message()) as answer:
                    await answer.read()

        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
    return MESSAGES


def _message() -> bytes:
    return orjson.dumps({"key": f"bare-{next(_fresh)}", "to": "+66812345678", "text": "Hello"})
