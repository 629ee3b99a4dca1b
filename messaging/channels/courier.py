"""
Many calls in flight for providers that speak HTTP.

The sender is ordinary code that writes to the database between results; the calls are coroutines. So the event loop
runs only while there is nothing else to do, and lives as long as the worker, with its open connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

from messaging.channels.base import Accepted, Failure, Outcome, Parcel, Uncertain

Deliver = Callable[[Parcel], Awaitable[Accepted]]


class Courier:
    """Runs one provider's calls, at most `in_flight` at a time, each at most `timeout` long."""

    def __init__(self, *, in_flight: int, timeout: timedelta) -> None:
        self._in_flight = in_flight
        self._timeout = timeout.total_seconds()
        self._loop = asyncio.new_event_loop()

    def carry(self, parcels: Iterator[Parcel], deliver: Deliver) -> Iterator[tuple[Parcel, Outcome]]:
        """
        Call `deliver` for each parcel and yield outcomes as they come.

        A failure it raises is the outcome; time running out, or any other error, means that nobody knows: `Uncertain`.
        """
        flying: dict[asyncio.Task[Outcome], Parcel] = {}
        landed: deque[asyncio.Task[Outcome]] = deque()
        arrival = asyncio.Event()

        def land(task: asyncio.Task[Outcome]) -> None:
            landed.append(task)
            arrival.set()

        try:
            while self._take_off(parcels, deliver, flying, land):
                # Waiting for an event costs the same however many are in the air; asyncio.wait asks each of them.
                self._loop.run_until_complete(arrival.wait())
                arrival.clear()
                while landed:
                    task = landed.popleft()
                    yield flying.pop(task), task.result()
        finally:
            self._give_up(flying)

    def close(self) -> None:
        self._loop.close()

    def _take_off(
        self,
        parcels: Iterator[Parcel],
        deliver: Deliver,
        flying: dict[asyncio.Task[Outcome], Parcel],
        land: Callable[[asyncio.Task[Outcome]], None],
    ) -> bool:
        """Start calls while there is room; false when all have landed and none is left."""
        while len(flying) < self._in_flight and (parcel := next(parcels, None)) is not None:
            task = self._loop.create_task(self._outcome(parcel, deliver))
            task.add_done_callback(land)
            flying[task] = parcel
        return bool(flying)

    async def _outcome(self, parcel: Parcel, deliver: Deliver) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout):
                return await deliver(parcel)
        except Failure as failure:
            return failure
        except TimeoutError:
            return Uncertain(f"no answer within {self._timeout:g} s")
        except Exception as error:  # noqa: BLE001 - whatever broke, the call may have gone through
            return Uncertain(f"{type(error).__name__}: {error}")

    def _give_up(self, flying: dict[asyncio.Task[Outcome], Parcel]) -> None:
        """Stopped half-way: end the calls under way; their rows stay on the wire and are reconciled."""
        for task in flying:
            task.cancel()
        if flying:
            self._loop.run_until_complete(asyncio.wait(flying))
