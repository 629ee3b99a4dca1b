"""Many calls in flight: driven with coroutines, no network."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from messaging.channels.base import Accepted, Outcome, Parcel, PermanentFailure, Uncertain
from messaging.channels.courier import Courier

AT = datetime(2026, 3, 4, 5, tzinfo=UTC)


def parcels(count: int, taken: list[str] | None = None) -> Iterator[Parcel]:
    for number in range(count):
        if taken is not None:
            taken.append(str(number))
        yield Parcel(key=str(number), to="+66812345678", body="Hello", at=AT)


@pytest.fixture
def courier() -> Iterator[Courier]:
    made = Courier(in_flight=3, timeout=timedelta(seconds=5))
    yield made
    made.close()


def carried(courier: Courier, count: int, deliver: object) -> dict[str, Outcome]:
    return {parcel.key: outcome for parcel, outcome in courier.carry(parcels(count), deliver)}  # type: ignore[arg-type]


def test_every_parcel_gets_its_outcome_and_no_more_than_the_limit_fly_at_once(courier: Courier) -> None:
    flying = most = 0
    together = asyncio.Barrier(3)

    async def deliver(parcel: Parcel) -> Accepted:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await together.wait()
        flying -= 1
        return Accepted(f"ref-{parcel.key}")

    outcomes = carried(courier, 21, deliver)
    assert {key: outcome.reference for key, outcome in outcomes.items() if isinstance(outcome, Accepted)} == {
        str(number): f"ref-{number}" for number in range(21)
    }
    assert most == 3


def test_parcels_are_taken_only_as_there_is_room(courier: Courier) -> None:
    taken: list[str] = []

    async def deliver(parcel: Parcel) -> Accepted:
        return Accepted("ref")

    flight = courier.carry(parcels(10, taken), deliver)
    next(flight)
    assert len(taken) == 3
    flight.close()


def test_while_one_half_is_in_the_air_the_other_is_written_down() -> None:
    courier = Courier(in_flight=4, timeout=timedelta(seconds=5))
    in_the_air: list[int] = []
    started, go_on = threading.Semaphore(0), asyncio.Event()

    def marked() -> Iterator[Parcel]:
        for number, parcel in enumerate(parcels(6)):
            if number == 2:
                # What was taken before is with the provider by now, although the caller is still at it.
                assert all(started.acquire(timeout=5) for _ in range(2))
                in_the_air.append(2)
            yield parcel

    async def deliver(parcel: Parcel) -> Accepted:
        started.release()
        if parcel.key == "5":
            go_on.set()
        elif parcel.key in ("0", "1"):
            await go_on.wait()
        return Accepted("ref")

    keys = [parcel.key for parcel, _ in courier.carry(marked(), deliver)]
    courier.close()
    assert in_the_air == [2]
    assert sorted(keys) == ["0", "1", "2", "3", "4", "5"]


def test_one_that_takes_long_keeps_no_other_from_being_handed_out() -> None:
    courier = Courier(in_flight=100, timeout=timedelta(seconds=5))
    gate = asyncio.Event()

    async def deliver(parcel: Parcel) -> Accepted:
        if parcel.key == "0":
            await gate.wait()
        return Accepted("ref")

    keys = []
    for parcel, _ in courier.carry(parcels(3), deliver):
        keys.append(parcel.key)
        if len(keys) == 2:
            courier._loop.call_soon_threadsafe(gate.set)
    courier.close()
    assert keys == ["1", "2", "0"]


def test_outcomes_come_as_they_are_known_not_in_order(courier: Courier) -> None:
    gate = asyncio.Event()

    async def deliver(parcel: Parcel) -> Accepted:
        if parcel.key == "0":
            await gate.wait()
        elif parcel.key == "4":
            gate.set()
        return Accepted("ref")

    keys = [parcel.key for parcel, _ in courier.carry(parcels(5), deliver)]
    assert sorted(keys) == ["0", "1", "2", "3", "4"]
    assert keys.index("0") > max(keys.index(key) for key in "12")


def test_each_failure_is_the_outcome_of_its_own_parcel(courier: Courier) -> None:
    async def deliver(parcel: Parcel) -> Accepted:
        if parcel.key == "1":
            raise PermanentFailure("no")
        if parcel.key == "2":
            raise ConnectionResetError("by peer")
        return Accepted("ref")

    outcomes = carried(courier, 4, deliver)
    assert isinstance(outcomes["1"], PermanentFailure)
    assert isinstance(outcomes["2"], Uncertain)
    assert outcomes["2"].detail == "ConnectionResetError: by peer"
    assert outcomes["0"] == outcomes["3"] == Accepted("ref")


def test_no_answer_in_time_is_uncertain() -> None:
    courier = Courier(in_flight=2, timeout=timedelta(milliseconds=1))

    async def deliver(parcel: Parcel) -> Accepted:
        await asyncio.Event().wait()
        return Accepted("never")

    outcomes = carried(courier, 1, deliver)
    courier.close()
    assert isinstance(outcomes["0"], Uncertain)
    assert outcomes["0"].detail == "no answer within 0.001 s"


def test_stopped_half_way_it_ends_the_calls_under_way(courier: Courier) -> None:
    ended: list[str] = []

    async def deliver(parcel: Parcel) -> Accepted:
        try:
            if parcel.key != "0":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(parcel.key)
            raise
        return Accepted("ref")

    flight = courier.carry(parcels(3), deliver)
    next(flight)
    flight.close()
    assert sorted(ended) == ["1", "2"]
