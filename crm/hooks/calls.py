"""
The calls themselves: many at once, none to an address of our own network.

What a host resolves to is checked where the connection asks for it, and the connection goes to what was checked: a name
that means something else a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from crm.hooks.addresses import BlockedAddress, check_resolved, check_url, host_of, is_trusted
from crm.lib.numbers import whole

TIMEOUT = timedelta(seconds=10)
# Of an answer's body so much is kept, for people to read; the rest is not even fetched.
MOST_READ = 300
USER_AGENT = "Waymark-Webhooks/1"
BLOCKED, NO_ANSWER, REFUSED, GONE = "blocked_address", "no_answer", "refused", "gone"


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent where."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came of a call.

    Attributes:
        reason: "" when it arrived; BLOCKED, GONE (for good), REFUSED or NO_ANSWER (worth another try).
        retry_after: the receiver asks to be left alone for so long.
    """

    reason: str = ""
    status: int | None = None
    detail: str = ""
    retry_after: timedelta | None = None


def make_calls(calls: Sequence[Call]) -> list[Answer]:
    """Make all of them at once; an answer for each, in order, within TIMEOUT."""
    return asyncio.run(_make(calls)) if calls else []


async def _make(calls: Sequence[Call]) -> list[Answer]:
    connector = aiohttp.TCPConnector(resolver=PublicOnly(), use_dns_cache=False, limit=0, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT.total_seconds()), headers={"User-Agent": USER_AGENT},
    ) as session:  # fmt: skip
        return list(await asyncio.gather(*(_call(session, call) for call in calls)))


async def _call(session: aiohttp.ClientSession, call: Call) -> Answer:
    try:
        return await _send(session, call, _target(call.url))
    except BlockedAddress as error:
        return Answer(BLOCKED, detail=str(error))
    except TimeoutError:
        return Answer(NO_ANSWER, detail=f"no answer within {TIMEOUT.total_seconds():g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(NO_ANSWER, detail=f"{type(error).__name__}: {error}"[:MOST_READ])


def _target(url: str) -> URL:
    """
    The address, checked once more: what is allowed may have changed since it was saved.

    Raises:
        BlockedAddress: also when the two readers of addresses at work here do not read it alike.
    """
    check_url(url)
    parts, target = urlsplit(url), URL(url)
    if host_of(parts) not in ((target.host or "").rstrip("."), (target.raw_host or "").rstrip(".")):
        raise BlockedAddress("is read in two ways")
    return target


async def _send(session: aiohttp.ClientSession, call: Call, target: URL) -> Answer:
    # A redirect would lead to an address that nobody has checked.
    async with session.post(target, data=call.body, headers=call.headers, allow_redirects=False) as answer:
        said = (await answer.content.read(MOST_READ)).decode(errors="replace").replace("\x00", "")
        if answer.ok and answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return Answer(status=answer.status, detail=said)
        reason = GONE if answer.status == HTTPStatus.GONE else REFUSED
        return Answer(reason, answer.status, said, _wait(answer.headers.get("Retry-After", "")))


def _wait(text: str) -> timedelta | None:
    """Retry-After in seconds; a date is not worth the trouble, our own back-off does as well."""
    seconds = whole(text, most=999_999)
    return timedelta(seconds=seconds) if seconds is not None else None


class PublicOnly(AbstractResolver):
    """Resolves a host to its addresses, and refuses it when one of them is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = [str(sockaddr[0]) for *_rest, sockaddr in found]
        if not is_trusted(urlsplit(f"http://{host}:{port}")):
            check_resolved(addresses)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST)
            for (kind, _type, proto, _name, _sockaddr), address in zip(found, addresses, strict=True)
        ]

    async def close(self) -> None:
        """Nothing is held open."""
