"""
What `loadgen` sends: a storefront's events, the same for the same seed. And the sending: at a steady rate, and again
with the same ids where no answer came.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import aiohttp
import orjson

PATH = "/api/v1/events/"
NAMES = (
    "Products Searched", "Product List Viewed", "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started",
)  # fmt: skip
WEIGHTS = (3, 3, 8, 3, 2, 1)
PRODUCTS = tuple(f"LOAD-{number:03}" for number in range(1, 51))
# 555-0100 to 555-0199 belong to nobody, in any of these: such numbers are kept for fiction.
AREAS = (202, 212, 213, 305, 312, 404, 415, 503, 602, 617, 702, 713, 718, 808, 818, 901, 907, 916, 917, 919)
MOST_CUSTOMERS = len(AREAS) * 100

LATE_BY = 5.0  # seconds: shuffled, an event comes up to so late
AGAIN_AFTER = 5.0  # seconds: a duplicate comes up to so much later
IN_FLIGHT = 64
TIMEOUT = 30.0  # seconds for one call
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds between tries
LATER = (408, 425, 429)  # and all 5xx: asked for another time
IN_VAIN = (401, 403, 404, 405)  # no other event would fare better


class Refused(Exception):
    """The server takes nothing from us: no such key, a missing scope, no such API. The message says which."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An event, how many seconds after the beginning it happens, and when it is told."""

    at: float
    sent: float
    id: str
    event: Mapping[str, Any]


def plan(*, eps: float, secs: float, seed: int, dup: float, shuffle: bool, customers: int) -> list[Planned]:
    """
    `eps` events a second for `secs` seconds, in the order in which they are sent; the same for the same arguments.

    Args:
        dup: the share of events that is sent a second time, a little later.
        shuffle: some come late, so that others overtake them.
        customers: how many people they are about, at most MOST_CUSTOMERS.
    """
    lots = random.Random(seed)
    found: list[Planned] = []
    for number in range(round(eps * secs)):
        at = number / eps
        late = lots.uniform(0, LATE_BY) if shuffle else 0.0
        planned = Planned(at, min(at + late, secs), f"load-{seed}-{number}", _event(lots, customers))
        found.append(planned)
        if lots.random() < dup:
            again = min(planned.sent + lots.uniform(0, AGAIN_AFTER), secs)
            found.append(Planned(at, again, planned.id, planned.event))
    return sorted(found, key=lambda planned: planned.sent)


def _event(lots: random.Random, customers: int) -> dict[str, Any]:
    who = lots.randrange(customers)
    sku = lots.choice(PRODUCTS)
    return {
        "event": lots.choices(NAMES, WEIGHTS)[0],
        "customer": {
            "email": f"load-{who}@example.com",
            "phone": f"+1{AREAS[who // 100]}55501{who % 100:02}",
            "external": {"loadgen": str(who)},
        },
        "properties": {"sku": sku, "quantity": lots.randint(1, 3), "price": f"{lots.randint(40, 990)}.00"},
    }


# --- The sending ----------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of a run: calls by status, tries that failed by what went wrong, milliseconds of the answered ones."""

    answered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


class Storefront:
    """
    Tells a server what happened, and writes each try into a ledger: when, the event's id, and the answer.

    Args:
        url: of the server, e.g. "http://127.0.0.1:8000".
        source: as which the key writes; an event is told apart by it and its id.
        ledger: takes a line of JSON for each try: {"at", "id", "source", "try", "answer", "status"}. `answer` is the
            HTTP status, null where none came; `status` what became of the event, or what went wrong.
        patience: seconds that an event is tried for.
    """

    def __init__(self, *, url: str, key: str, source: str, ledger: IO[bytes], patience: float) -> None:
        self._url = url.rstrip("/") + PATH
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._source = source
        self._ledger = ledger
        self._patience = patience
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self.tally = Tally()

    async def tell(self, planned: Sequence[Planned]) -> Tally:
        """
        Send each at its time.

        Raises:
            Refused: the server takes nothing from us. What is in the ledger by then was sent.
        """
        begun, start = time.monotonic(), datetime.now(UTC)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        session = aiohttp.ClientSession(
            headers=self._headers, timeout=timeout, connector=aiohttp.TCPConnector(limit=IN_FLIGHT)
        )
        try:
            async with session, asyncio.TaskGroup() as calls:
                for one in planned:
                    await asyncio.sleep(max(begun + one.sent - time.monotonic(), 0))
                    body = {**one.event, "id": one.id, "occurred_at": start + timedelta(seconds=one.at)}
                    calls.create_task(self._tell(session, one.id, orjson.dumps(body)))
        except* Refused as refusals:
            raise refusals.exceptions[0] from None
        return self.tally

    async def _tell(self, session: aiohttp.ClientSession, name: str, body: bytes) -> None:
        """Try until there is an answer that settles it, or the patience ends. No more do so at once than have room."""
        async with self._room:
            await self._try_on(session, name, body)

    async def _try_on(self, session: aiohttp.ClientSession, name: str, body: bytes) -> None:
        deadline = time.monotonic() + self._patience
        for number, pause in enumerate(_pauses(), start=1):
            answer, status, wait = await self._try(session, body)
            self._note(name, number, answer, status)
            if answer is not None and answer not in LATER and answer < 500:
                self.tally.answered[status] += 1
                return
            self.tally.failed[str(answer or status)] += 1
            left = deadline - time.monotonic()
            if left <= 0:
                self.tally.unanswered.append(name)
                return
            await asyncio.sleep(min(wait or pause, left))

    async def _try(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int | None, str, float]:
        """(HTTP status, what it says, seconds to wait if it asks for that); no status where no answer came."""
        started = time.monotonic()
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as response:
                said = _object(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, type(error).__name__, 0.0
        code = str(said.get("code") or response.reason)
        if response.status in IN_VAIN or response.status in range(300, 400):
            raise Refused(f"{self._url} answered {response.status} ({code}): {said.get('detail') or 'no API there?'}")
        if response.status >= 300:
            return response.status, code, _seconds(response.headers.get("Retry-After", ""))
        self.tally.milliseconds.append((time.monotonic() - started) * 1000)
        results = said.get("results")
        if not (isinstance(results, list) and len(results) == 1 and isinstance(results[0], dict)):
            raise Refused(f"{self._url} answered {response.status}, but not as this API does")
        return response.status, str(results[0].get("status")), 0.0

    def _note(self, name: str, number: int, answer: int | None, status: str) -> None:
        entry = {
            "at": datetime.now(UTC), "id": name, "source": self._source, "try": number, "answer": answer,
            "status": status,
        }  # fmt: skip
        self._ledger.write(orjson.dumps(entry) + b"\n")
        self._ledger.flush()


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE)


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(text: str) -> float:
    return min(float(text), LONGEST_PAUSE * 6) if text.isdigit() else 0.0
