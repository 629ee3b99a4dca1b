"""A file of somebody else's, fetched: so much of it, in so many steps, and from nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from yarl import URL

from crm.hooks.addresses import BlockedAddress, check_url
from crm.hooks.calls import PublicOnly
from messaging.channels.base import Failure, NeverSent, PermanentFailure, TemporaryFailure, Uncertain
from messaging.channels.calls import FileIn
from messaging.channels.wire import USER_AGENT, Answer, refuse, retry_after

MOST_STEPS = 3
_SEEN = 300  # characters of an answer that says no
_MOVED = frozenset({301, 302, 303, 307, 308})
# Not ready yet, says LINE of a video.
_NOT_YET = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})

Leads = Callable[[SplitResult], bool]


def nowhere(address: SplitResult) -> bool:
    """Redirects lead nowhere."""
    return False


async def download(url: str, *, headers: Mapping[str, str], most: int, now: datetime, leads: Leads = nowhere) -> FileIn:
    """
    Fetch a file; of one with more than `most` bytes one more is read, to show it.

    Args:
        url: an address that an administrator has entered the beginning of; it may be in our own network.
        headers: credentials, for that address alone: no redirect takes them along.
        leads: whether a redirect to an address is followed; it is then to the public internet, and by https if
            `url` is.

    Raises:
        Failure: PermanentFailure when it is not there, or somewhere that we do not go.
    """
    scheme = urlsplit(url).scheme
    answer, content = await _get(url, headers, most, resolver=None)
    for _step in range(MOST_STEPS):
        if answer.status not in _MOVED:
            return _understood(answer, content, now)
        url = urljoin(url, answer.headers.get("Location", ""))
        _check(url, scheme, leads)
        answer, content = await _get(url, {}, most, resolver=PublicOnly())
    raise PermanentFailure("it leads from one address to the next")


def _check(url: str, scheme: str, leads: Leads) -> None:
    try:
        check_url(url)
        is_right = urlsplit(url).scheme == scheme and leads(urlsplit(url))
    except BlockedAddress as error:
        raise PermanentFailure(f"it leads to {url[:_SEEN]}, which {error}") from error
    if not is_right:
        raise PermanentFailure(f"it leads to {url[:_SEEN]}")


async def _get(url: str, headers: Mapping[str, str], most: int, *, resolver: PublicOnly | None) -> tuple[Answer, bytes]:
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": USER_AGENT},
            ) as session,
            # As it stands: what is signed must not be spelt anew.
            session.get(URL(url, encoded=True), headers=headers, allow_redirects=False) as said,
        ):  # fmt: skip
            content = await _read(said.content, most + 1 if said.status == HTTPStatus.OK else _SEEN)
            body = "" if said.status == HTTPStatus.OK else content.decode(errors="replace").replace("\0", "")
            return Answer(said.status, said.headers, body, None), content
    except BlockedAddress as error:
        raise PermanentFailure(str(error)) from error
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        raise NeverSent(f"{type(error).__name__}: {error}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Uncertain(f"{type(error).__name__}: {error}") from error


def _understood(answer: Answer, content: bytes, now: datetime) -> FileIn:
    if answer.status == HTTPStatus.OK:
        return FileIn("", answer.headers.get("Content-Type", ""), content)
    said = f"{answer.status} {answer.body}"
    if answer.status in _NOT_YET:
        raise TemporaryFailure(said, retry_after=retry_after(answer, now=now))
    refuse(answer, now=now)
    raise _no(answer, said)


def _no(answer: Answer, said: str) -> Failure:
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return PermanentFailure(said)
    return Uncertain(said)


async def _read(stream: aiohttp.StreamReader, most: int) -> bytes:
    raw = bytearray()
    while len(raw) < most and (piece := await stream.read(most - len(raw))):
        raw += piece
    return bytes(raw)
