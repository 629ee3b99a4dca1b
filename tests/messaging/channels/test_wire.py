"""HTTP as providers speak it. The provider contract drives the wire against a real server; here is what is left."""

import asyncio
import gc
from datetime import UTC, datetime, timedelta

import pytest

from messaging.channels import wire
from messaging.channels.base import Accepted, Failure, Traits, Uncertain
from messaging.channels.wire import Answer, Wire
from tests.messaging.providers.gateway import Gateway, Reply

NOW = datetime(2026, 3, 4, 5, tzinfo=UTC)


def answer(status: int = 429, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, "", None)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("Wed, 04 Mar 2026 05:00:30 GMT", timedelta(seconds=30)),
        ("Wed, 04 Mar 2026 04:00:00 GMT", timedelta(0)),  # over already
        ("999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("9999999", timedelta(days=1)),
        ("9" * 18, timedelta(days=1)),
        ("Wed Mar  4 05:00:30 2026", timedelta(seconds=30)),
        ("Wednesday, 04-Mar-26 05:00:30 GMT", timedelta(seconds=30)),
        ("๙", None),
        ("soon", None),
        ("2026-03-04T05:00:30Z", None),
    ],
)
def test_retry_after_is_read_as_rfc_9110_has_it(text: str, wait: timedelta | None) -> None:
    assert wire.retry_after(answer(Retry_After=text), now=NOW) == wait


def test_an_answer_without_trouble_is_left_to_the_provider() -> None:
    for status in (200, 202, 302, 400, 404, 422):
        wire.refuse(answer(status), now=NOW)


@pytest.mark.parametrize(("reference", "kept"), [("a", "a"), (17, "17"), ("x" * 200, "x" * 200), ("a\0b", "ab")])
def test_a_reference_is_a_text_or_a_number(reference: object, kept: str) -> None:
    assert wire.accepted(reference) == Accepted(kept)


@pytest.mark.parametrize("reference", ["", "\0", None, True, 1.5, [], {}, "x" * 201])
def test_a_yes_without_a_reference_is_no_yes(reference: object) -> None:
    with pytest.raises(Uncertain):
        wire.accepted(reference)


def test_no_more_is_read_than_anybody_has_to_say() -> None:
    with Gateway(answer=lambda taken: Reply(body="x" * 300_000)) as gateway:
        found = told(Wire(Traits()), gateway.address)
    assert len(found.body) == wire.MOST_READ


def test_a_wire_hangs_up_when_it_is_gone_even_while_another_speaks() -> None:
    with Gateway(answer=lambda taken: Reply(json={})) as gateway:
        lost = Wire(Traits())
        told(lost, gateway.address)
        (session,) = lost._sessions

        async def collect() -> None:
            nonlocal lost
            del lost
            gc.collect()

        asyncio.run(collect())
    assert session.closed


def told(line: Wire, address: str) -> Answer:
    async def call(_: str) -> Answer:
        return await line.call("GET", address)

    ((_, found),) = line._courier.carry(iter(["once"]), call)
    assert not isinstance(found, Failure)
    return found
