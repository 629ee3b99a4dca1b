"""
HTTP as providers speak it: one session for the worker's life, and what went wrong told apart by whether the provider
may have the message.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import orjson

from crm.lib.numbers import whole
from messaging.channels.base import (
    Accepted,
    AccountRefused,
    Failure,
    NeverSent,
    Outcome,
    Parcel,
    RateLimited,
    TemporaryFailure,
    Traits,
    Uncertain,
)
from messaging.channels.courier import Courier, Deliver

# Of an answer so much is read; no gateway has more to say.
MOST_READ = 100_000
USER_AGENT = "Waymark/1"
# Nobody means to be left alone for longer; a wrong clock does.
LONGEST_WAIT = timedelta(days=1)
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` as text, for people; `json` is None when it is none."""

    status: int
    headers: Mapping[str, str]
    body: str
    json: Any


class Wire:
    """
    The open connections to one account. Made with its provider, used by its worker's one sending thread, and closed
    when either ends.
    """

    def __init__(self, traits: Traits) -> None:
        self._courier = Courier(in_flight=traits.in_flight, timeout=traits.timeout)
        self._timeout = traits.timeout.total_seconds()
        self._sessions: list[aiohttp.ClientSession] = []  # at most one; made by the first call
        weakref.finalize(self, _hang_up, self._courier, self._sessions)

    def carry(self, parcels: Iterator[Parcel], deliver: Deliver) -> Iterator[tuple[Parcel, Outcome]]:
        """`deliver` each, many at a time; see `Courier.carry`."""
        return self._courier.carry(parcels, deliver)

    def ask(self, keys: Sequence[str], question: Callable[[str], Awaitable[Found]]) -> dict[str, Found]:
        """
        Put `question` about each key, many at a time, up to three times; return every answer.

        Raises:
            Failure: one had none: to be told nothing is not to be told "no".
        """
        answers: dict[str, Found] = {}
        for last in (False, False, True):
            open_keys = [key for key in keys if key not in answers]
            for key, found in self._courier.carry(iter(open_keys), question):
                if not isinstance(found, Failure):
                    answers[key] = found
                elif last:
                    raise found
        return answers

    async def call(self, method: str, url: str, **options: Any) -> Answer:
        """
        Make one call; `options` are aiohttp's (json, data, params, headers, auth). Redirects are not followed: they
        would take credentials to an address that nobody entered.

        Raises:
            NeverSent: no connection came about, so nothing was said.
            Uncertain: it broke off after that.
        """
        try:
            async with self._open().request(method, url, allow_redirects=False, **options) as answer:
                raw = await _read(answer.content)
                # No database keeps a NUL character.
                body = raw.decode(errors="replace").replace("\0", "")
                return Answer(answer.status, answer.headers, body, _json(raw))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NeverSent(f"{type(error).__name__}: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Uncertain(f"{type(error).__name__}: {error}") from error

    def _open(self) -> aiohttp.ClientSession:
        if not self._sessions:
            session = aiohttp.ClientSession(
                # The courier's limit is the limit. A server closes idle connections after a minute or so; one that it
                # closes as we write would leave a message unclear, so ours are closed before.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=10),
                cookie_jar=aiohttp.DummyCookieJar(),
                # The whole of a call is the courier's to limit.
                timeout=aiohttp.ClientTimeout(total=None, connect=self._timeout / 2),
                headers={"User-Agent": USER_AGENT},
                json_serialize=_dumps,
            )
            # It would repeat a GET or PUT whose connection broke off, and with some gateways a GET sends a text. There
            # is no option for it.
            session._retry_connection = False
            self._sessions.append(session)
        return self._sessions[0]


def _hang_up(courier: Courier, sessions: list[aiohttp.ClientSession]) -> None:
    """Close the connections of a wire that is gone."""
    close = partial(courier.close, *(session.close() for session in sessions))
    if _is_in_a_loop():
        # Found by the garbage collector while another wire's calls run in this thread.
        thread = threading.Thread(target=close)
        thread.start()
        thread.join()
    else:
        close()


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def refuse(answer: Answer, *, now: datetime) -> None:
    """
    Raise what an answer's status means wherever HTTP itself says it; return when the provider's own words must.

    Raises:
        RateLimited: 429.
        AccountRefused: 401, 403.
        TemporaryFailure: 503, which says that it was not taken.
        Uncertain: any other 5xx: some gateways pass a message on and fail behind that.
    """
    said = f"{answer.status} {answer.body[:300]}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(said, retry_after=retry_after(answer, now=now))
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise AccountRefused(said)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise TemporaryFailure(said, retry_after=retry_after(answer, now=now))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Uncertain(said)


def retry_after(answer: Answer, *, now: datetime) -> timedelta | None:
    """
    What Retry-After asks for, in seconds or as a date (RFC 9110 §10.2.3), at most a day; None when it says nothing of
    use.
    """
    text = answer.headers.get("Retry-After", "").strip()
    seconds = whole(text)
    if seconds is not None:
        return timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds()))
    try:
        until = parsedate_to_datetime(text)
        # Whichever of its three forms it has, a date in HTTP is GMT; the oldest does not say so.
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(until - now, timedelta(0)), LONGEST_WAIT)
    except (TypeError, ValueError, OverflowError):
        return None


def accepted(reference: object) -> Accepted:
    """
    The provider has it under `reference`.

    Raises:
        Uncertain: there is none: it said yes, but what to is anybody's guess.
    """
    if isinstance(reference, str | int) and not isinstance(reference, bool):
        text = str(reference).replace("\0", "")
        if 0 < len(text) <= 200:
            return Accepted(text)
    raise Uncertain("accepted, but the answer has no reference")


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The body, as far as anybody reads: it comes in pieces."""
    raw = bytearray()
    while len(raw) < MOST_READ and (piece := await content.read(MOST_READ - len(raw))):
        raw += piece
    return bytes(raw)


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
