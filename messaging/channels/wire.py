"""
HTTP as providers speak it: one session for the worker's life, and what went wrong told apart by whether the provider
may have the message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from messaging.channels.base import (
    Accepted,
    AccountRefused,
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` as text, for people; `json` is None when it is none."""

    status: int
    headers: Mapping[str, str]
    body: str
    json: Any


class Wire:
    """
    The open connections to one account. Made with its provider, used by its worker's one sending thread, never closed:
    they end with the worker.
    """

    def __init__(self, traits: Traits) -> None:
        self._courier = Courier(in_flight=traits.in_flight, timeout=traits.timeout)
        self._timeout = traits.timeout.total_seconds()
        self._in_flight = traits.in_flight
        self._session: aiohttp.ClientSession | None = None

    def carry(self, parcels: Iterator[Parcel], deliver: Deliver) -> Iterator[tuple[Parcel, Outcome]]:
        """`deliver` each, many at a time; see `Courier.carry`."""
        return self._courier.carry(parcels, deliver)

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
                raw = await answer.content.read(MOST_READ)
                return Answer(answer.status, answer.headers, raw.decode(errors="replace"), _json(raw))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NeverSent(f"{type(error).__name__}: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Uncertain(f"{type(error).__name__}: {error}") from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # The courier's limit is the limit. A server closes idle connections after a minute or so; one that it
                # closes as we write would leave a message unclear, so ours are closed before.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=10),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout, connect=self._timeout / 2),
                headers={"User-Agent": USER_AGENT},
                json_serialize=_dumps,
            )
        return self._session


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
    """What Retry-After asks for, in seconds or as a date (RFC 9110 §10.2.3); None when it says nothing of use."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 7:
        return timedelta(seconds=int(text))
    try:
        return max(parsedate_to_datetime(text) - now, timedelta(0))
    except (TypeError, ValueError):
        return None


def accepted(reference: object) -> Accepted:
    """
    The provider has it under `reference`.

    Raises:
        Uncertain: there is none: it said yes, but what to is anybody's guess.
    """
    if isinstance(reference, str | int) and not isinstance(reference, bool) and 0 < len(str(reference)) <= 200:
        return Accepted(str(reference))
    raise Uncertain("accepted, but the answer has no reference")


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()
