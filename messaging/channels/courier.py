"""
Many calls in flight for providers that speak HTTP.

The sender is ordinary code that writes to the database between results; the calls are coroutines. So the event loop
runs only while there is nothing else to do, and lives as long as the worker, with its open connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from datetime import timedelta
from typing import TypeVar

from messaging.channels.base import Accepted, Failure, Parcel, Uncertain

Deliver = Callable[[Parcel], Awaitable[Accepted]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Courier:
    """Runs one provider's calls, at most `in_flight` at a time, each at most `timeout` long."""

    def __init__(self, *, in_flight: int, timeout: timedelta) -> None:
        self._in_flight = in_flight
        self._timeout = timeout.total_seconds()
        self._loop = asyncio.new_event_loop()

    def carry(
        self, items: Iterator[Item], deliver: Callable[[Item], Awaitable[Result]]
    ) -> Iterator[tuple[Item, Result | Failure]]:
        """
        Call `deliver` for each item, a parcel or a question about one, and yield outcomes as they come.

        A failure it raises is the outcome; time running out, or any other error, means that nobody knows: `Uncertain`.
        """
        flying: dict[asyncio.Task[Result | Failure], Item] = {}
        landed: deque[asyncio.Task[Result | Failure]] = deque()
        arrival = asyncio.Event()

        def land(task: asyncio.Task[Result | Failure]) -> None:
            landed.append(task)
            arrival.set()

        try:
            while self._take_off(items, deliver, flying, land):
                # Waiting for an event costs the same however many are in the air; asyncio.wait asks each of them.
                self._loop.run_until_complete(arrival.wait())
                arrival.clear()
                while landed:
                    task = landed.popleft()
                    yield flying.pop(task), task.result()
        finally:
            self._give_up(flying)

    def close(self, *farewells: Coroutine[object, object, None]) -> None:
        """Run what is left to do, such as hanging up, and end."""
        for farewell in farewells:
            self._loop.run_until_complete(farewell)
        # Connections that were told to close do so in the loop's next round.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _take_off(
        self,
        items: Iterator[Item],
        deliver: Callable[[Item], Awaitable[Result]],
        flying: dict[asyncio.Task[Result | Failure], Item],
        land: Callable[[asyncio.Task[Result | Failure]], None],
    ) -> bool:
        """Start calls while there is room; false when all have landed and none is left."""
        while len(flying) < self._in_flight and (item := next(items, None)) is not None:
            task = self._loop.create_task(self._outcome(item, deliver))
            task.add_done_callback(land)
            flying[task] = item
        return bool(flying)

    async def _outcome(self, item: Item, deliver: Callable[[Item], Awaitable[Result]]) -> Result | Failure:
        try:
            async with asyncio.timeout(self._timeout):
                return await deliver(item)
        except Failure as failure:
            return failure
        except TimeoutError:
            return Uncertain(f"no answer within {self._timeout:g} s")
        except Exception as error:  # noqa: BLE001 - whatever broke, the call may have gone through
            return Uncertain(f"{type(error).__name__}: {error}")

    def _give_up(self, flying: dict[asyncio.Task[Result | Failure], Item]) -> None:
        """Stopped half-way: end the calls under way; their rows stay on the wire and are reconciled."""
        for task in flying:
            task.cancel()
        if flying:
            self._loop.run_until_complete(asyncio.wait(flying))
