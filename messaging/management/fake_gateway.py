"""
An SMS gateway that goes wrong on purpose, and remembers what it took. For load tests and fault injection.

    POST /messages        {"key", "to", "from", "text"}  →  200 {"id": "…"}
    GET  /messages/<key>  (lookup)                       →  200 {"id": "…"}, or 404

Each accepted message is a line of JSON in the ledger: {"key", "to", "text", "at", "reference"}. Two lines with one key
are a message that went out twice. What stands in the ledger as the gateway begins was accepted before it went down.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import orjson
from aiohttp import web

HOST = "127.0.0.1"
HANG = 60.0  # seconds: longer than anybody waits
PARTING = 0.1  # seconds that calls under way get when it ends; aiohttp takes 0 for as long as they like
RETRY_AFTER = 2  # seconds
PATH = "/messages"


class Mode(StrEnum):
    """What can be done about a message whose answer was lost."""

    IDEM = "idem"  # the same key again is the same message
    LOOKUP = "lookup"  # it can be asked for a key
    DUMB = "dumb"  # neither


class Fault(StrEnum):
    """What goes wrong. Only 429 says for certain that nothing was accepted."""

    ERROR = "500"  # every other time only after the message was accepted
    RESET = "reset"  # accepted, then the connection drops
    SLOW = "slow"  # accepted, then no answer for a minute
    LIMITED = "429"  # not accepted: slow down


class InvalidLedger(ValueError):
    """The file is no ledger of a gateway's; the message says which line."""


class InvalidFaults(ValueError):
    """The faults asked for make no sense; the message says why."""


def read_faults(text: str) -> dict[Fault, float]:
    """
    Read "500=.03,reset=.02": each fault with the share of calls it befalls.

    Raises:
        InvalidFaults: an unknown fault, no number, or shares of more than 1 together.
    """
    shares: dict[Fault, float] = {}
    for part in filter(None, text.split(",")):
        name, _, share = part.strip().partition("=")
        if name not in {*Fault}:
            raise InvalidFaults(f"{name!r} is none of {', '.join(Fault)}")
        try:
            shares[Fault(name)] = float(share)
        except ValueError as error:
            raise InvalidFaults(f"{name}: {share!r} is no number") from error
    if any(not 0 <= share <= 1 for share in shares.values()) or sum(shares.values()) > 1:
        raise InvalidFaults("shares are between 0 and 1, and at most 1 together")
    return shares


def open_ledger(path: Path) -> IO[bytes]:
    """
    The ledger at `path`, made if it is not there.

    Raises:
        OSError: it cannot be.
    """
    return path.open("a+b")


def config_for(address: str, mode: Mode) -> dict[str, Any]:
    """The settings with which `http_sms` sends to a gateway at `address`."""
    config: dict[str, Any] = {
        "url": f"{address}{PATH}",
        "json": {
            "key": "{{ message.key }}",
            "to": "{{ message.to }}",
            "from": "{{ message.sender }}",
            "text": "{{ message.body }}",
        },
        "success": {"status": [200], "reference": "id"},
    }
    if mode == Mode.IDEM:
        config["repeat"] = "key"
    if mode == Mode.LOOKUP:
        config["look_up"] = {"url": f"{address}{PATH}/{{{{ message.key }}}}", "reference": "id"}
    return config


@dataclass
class FakeGateway:
    """
    Answers calls; made for one run.

    Attributes:
        delay: seconds before each answer.
        ledger: of what it accepted; open to be read and written, as by `open_ledger`.
    """

    mode: Mode
    faults: Mapping[Fault, float] = field(default_factory=dict)
    delay: float = 0.0
    seed: int = 0
    ledger: IO[bytes] | None = None
    accepted: int = 0
    _references: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lots = random.Random(self.seed)
        self._names, self._shares = list(self.faults), list(self.faults.values())
        self._is_after = False
        if self.ledger:
            self._remember(self.ledger)

    def serve(self, port: int) -> AbstractAsyncContextManager[str]:
        """Listen on loopback while the context lasts; it is the address, e.g. "http://127.0.0.1:8099"."""
        return _listening(self, port)

    def _remember(self, ledger: IO[bytes]) -> None:
        """Read what was accepted before; cut off a last line that was torn as it went down."""
        ledger.seek(0)
        whole = 0
        for number, line in enumerate(iter(ledger.readline, b""), start=1):
            if line.startswith(b"{") and not line.endswith(b"\n"):
                break
            try:
                entry = orjson.loads(line)
                self._references[str(entry["key"])] = str(entry["reference"])
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise InvalidLedger(f"line {number} is none of ours") from error
            self.accepted, whole = number, ledger.tell()
        ledger.seek(whole)
        ledger.truncate()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST" and request.path == PATH:
            return await self._take(request)
        if request.method == "GET" and request.path.startswith(f"{PATH}/"):
            reference = self._references.get(request.path.removeprefix(f"{PATH}/"))
            if self.mode == Mode.LOOKUP and reference:
                return _json({"id": reference})
        return _json({"error": "not found"}, status=404)

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            message = orjson.loads(await request.read())
            key, to = str(message["key"]), str(message["to"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _json({"error": "a JSON object with key and to is needed"}, status=400)
        fault = self._draw()
        if fault == Fault.LIMITED:
            return _json({"error": "slow down"}, status=429, headers={"Retry-After": str(RETRY_AFTER)})
        if fault == Fault.ERROR:
            self._is_after = not self._is_after
            if not self._is_after:
                return _json({"error": "out of order"}, status=500)
        reference = self._accept(key, to, str(message.get("text", "")))
        if self.delay:
            await asyncio.sleep(self.delay)
        if fault == Fault.RESET and request.transport:
            request.transport.abort()
        if fault == Fault.SLOW:
            await asyncio.sleep(HANG)
        if fault == Fault.ERROR:
            return _json({"error": "out of order"}, status=500)
        return _json({"id": reference})

    def _draw(self) -> Fault | None:
        lot = self._lots.random()
        for fault, share in zip(self._names, self._shares, strict=True):
            lot -= share
            if lot < 0:
                return fault
        return None

    def _accept(self, key: str, to: str, text: str) -> str:
        if self.mode == Mode.IDEM and (known := self._references.get(key)):
            return known
        self.accepted += 1
        reference = self._references[key] = f"fake-{self.accepted}"
        if self.ledger:
            entry = {"key": key, "to": to, "text": text, "at": datetime.now(UTC), "reference": reference}
            self.ledger.write(orjson.dumps(entry) + b"\n")
            self.ledger.flush()
        return reference


@asynccontextmanager
async def _listening(gateway: FakeGateway, port: int) -> Any:
    runner = web.ServerRunner(web.Server(gateway.answer, access_log=None), shutdown_timeout=PARTING)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, backlog=1024).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _json(value: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, headers=headers, content_type="application/json")
