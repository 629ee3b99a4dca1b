"""The gateway that goes wrong on purpose, driven by the provider it is made for."""

import asyncio
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging.channels.base import Accepted, Outcome, Parcel, RateLimited, Repeat, Uncertain
from messaging.management.fake_gateway import (
    HANG,
    FakeGateway,
    Fault,
    InvalidFaults,
    InvalidLedger,
    Mode,
    config_for,
    open_ledger,
    read_faults,
)
from messaging.providers.http_sms.provider import HttpSmsProvider

AT = datetime(2026, 3, 4, 5, tzinfo=UTC)


@contextmanager
def serving(gateway: FakeGateway) -> Iterator[HttpSmsProvider]:
    """A provider that sends to the gateway, which listens in a thread of its own."""
    listening, ended = threading.Event(), asyncio.Event()
    address, loop = "", asyncio.AbstractEventLoop()

    async def listen() -> None:
        nonlocal address, loop
        loop = asyncio.get_running_loop()
        async with gateway.serve(0) as address:
            listening.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    assert listening.wait(20)
    try:
        config = config_for(address, gateway.mode)
        assert HttpSmsProvider.check(config) == []
        yield HttpSmsProvider(config)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def send(provider: HttpSmsProvider, *keys: str) -> list[Outcome]:
    parcels = (Parcel(key=key, to="+66812345678", body="Hello", at=AT) for key in keys)
    return [outcome for _, outcome in provider.send(parcels)]


def lines(ledger: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger.getvalue().splitlines()]


def test_the_ledger_has_a_line_for_each_message_that_was_accepted() -> None:
    ledger = io.BytesIO()
    with serving(FakeGateway(Mode.IDEM, ledger=ledger)) as provider:
        (first,) = send(provider, "a")
        (again,) = send(provider, "a")
        send(provider, "b")
    assert first == again == Accepted("fake-1")
    assert provider.traits.repeat == Repeat.KEY
    assert [(line["key"], line["to"], line["reference"]) for line in lines(ledger)] == [
        ("a", "+66812345678", "fake-1"),
        ("b", "+66812345678", "fake-2"),
    ]
    assert datetime.fromisoformat(lines(ledger)[0]["at"]).tzinfo


@pytest.mark.parametrize(("mode", "repeat"), [(Mode.LOOKUP, Repeat.LOOKUP), (Mode.DUMB, Repeat.NEVER)])
def test_without_dedupe_a_second_copy_is_a_second_line(mode: Mode, repeat: Repeat) -> None:
    ledger = io.BytesIO()
    with serving(FakeGateway(mode, ledger=ledger)) as provider:
        assert provider.traits.repeat == repeat
        send(provider, "a")
        send(provider, "a")
        known = provider.look_up(["a", "b"])
    assert [line["key"] for line in lines(ledger)] == ["a", "a"]
    assert known == ({"a": "fake-2"} if mode == Mode.LOOKUP else {})


def test_every_other_500_comes_after_the_message_was_accepted() -> None:
    ledger = io.BytesIO()
    with serving(FakeGateway(Mode.LOOKUP, {Fault.ERROR: 1.0}, ledger=ledger)) as provider:
        outcomes = [*send(provider, "a"), *send(provider, "b")]
        assert [type(outcome) for outcome in outcomes] == [Uncertain, Uncertain]
        assert provider.look_up(["a", "b"]) == {"a": "fake-1"}
    assert [line["key"] for line in lines(ledger)] == ["a"]


def test_a_reset_accepts_and_a_429_does_not() -> None:
    ledger = io.BytesIO()
    with serving(FakeGateway(Mode.IDEM, {Fault.RESET: 1.0}, ledger=ledger)) as provider:
        assert [type(outcome) for outcome in send(provider, "a")] == [Uncertain]
    with serving(FakeGateway(Mode.IDEM, {Fault.LIMITED: 1.0}, ledger=ledger)) as provider:
        assert [type(outcome) for outcome in send(provider, "b")] == [RateLimited]
    assert [line["key"] for line in lines(ledger)] == ["a"]


def test_it_remembers_what_it_accepted_before_it_went_down(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for expected in ("fake-1", "fake-1", "fake-1"):
        with open_ledger(path) as ledger, serving(FakeGateway(Mode.IDEM, ledger=ledger)) as provider:
            assert send(provider, "a") == [Accepted(expected)]
    with open_ledger(path) as ledger, serving(FakeGateway(Mode.LOOKUP, ledger=ledger)) as provider:
        assert provider.look_up(["a", "b"]) == {"a": "fake-1"}
        assert send(provider, "b") == [Accepted("fake-2")]
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_a_line_that_was_torn_as_it_went_down_is_taken_off_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"key": "a", "reference": "fake-1"}\n{"key": "b", "refe')
    with open_ledger(path) as ledger, serving(FakeGateway(Mode.IDEM, ledger=ledger)) as provider:
        assert send(provider, "b") == [Accepted("fake-2")]
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_it_ends_although_it_lets_somebody_wait() -> None:
    ledger = io.BytesIO()
    started = time.monotonic()
    with serving(FakeGateway(Mode.IDEM, {Fault.SLOW: 1.0}, ledger=ledger)) as provider:
        provider._wire._courier._timeout = 0.25
        assert [type(outcome) for outcome in send(provider, "a")] == [Uncertain]
    assert [line["key"] for line in lines(ledger)] == ["a"]
    assert time.monotonic() - started < HANG / 2


def test_the_same_seed_goes_wrong_alike() -> None:
    def outcomes(seed: int) -> list[str]:
        faults = read_faults("500=.2,reset=.2,429=.2")
        with serving(FakeGateway(Mode.IDEM, faults, seed=seed)) as provider:
            return [type(outcome).__name__ for key in "abcdefghijkl" for outcome in send(provider, key)]

    assert outcomes(7) == outcomes(7)
    assert len(Counter(outcomes(7))) == 3


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("flood=.1", "'flood' is none of 500, reset, slow, 429"),
        ("500", "500: '' is no number"),
        ("500=x", "500: 'x' is no number"),
        ("500=nan", "shares are between 0 and 1"),
        ("500=-.1", "shares are between 0 and 1"),
        ("500=.6,reset=.6", "at most 1 together"),
    ],
)
def test_faults_that_make_no_sense_are_named(text: str, fault: str) -> None:
    with pytest.raises(InvalidFaults, match=fault):
        read_faults(text)


def test_the_command_prints_its_address_and_settings_that_work(tmp_path: Path) -> None:
    out, ledger = StringIO(), tmp_path / "ledger.jsonl"
    call_command("fakeprovider", "--seconds", "0", "--mode", "lookup", "--ledger", str(ledger), stdout=out)
    address, _, config = out.getvalue().partition(" ")
    assert address.startswith("http://127.0.0.1:")
    assert json.loads(config)["url"] == f"{address}/messages"
    assert HttpSmsProvider.check(json.loads(config)) == []
    assert ledger.read_text() == ""


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy tea\n")
    with pytest.raises(InvalidLedger, match="line 1 is none of ours"), open_ledger(path) as ledger:
        FakeGateway(Mode.IDEM, ledger=ledger)
    assert path.read_text() == "buy tea\n"


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (["--fault", "flood=1"], "--fault: 'flood' is none of"),
        (["--ledger", "/nowhere/at/all"], "--ledger: No such file or directory"),
    ],
)
def test_the_command_names_what_it_cannot_do(args: list[str], fault: str) -> None:
    with pytest.raises(CommandError, match=fault):
        call_command("fakeprovider", *args)
