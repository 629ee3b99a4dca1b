"""
Many calls in flight for providers that speak HTTP.

The sender is ordinary code that writes to the database between results; the calls are coroutines. Their event loop runs
in a thread of its own while there are any, so that answers come in while the database is at work. The loop itself, with
its open connections, lives as long as the worker.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Generic, TypeVar

from messaging.channels.base import Accepted, Failure, Parcel, Uncertain

Deliver = Callable[[Parcel], Awaitable[Accepted]]
Item = TypeVar("Item")
Result = TypeVar("Result")

# Seconds after which outcomes are handed out, and their room used, however few they are.
LONGEST_WAIT = 0.05


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

        Items are taken by the half of what may fly: while one half is in the air, the caller writes down the other.
        `deliver` runs in another thread than the caller. A failure it raises is the outcome; time running out, or any
        other error, means that nobody knows: `Uncertain`.
        """
        half = least = max(self._in_flight // 2, 1)
        flight: _Flight[Item, Result | Failure] = _Flight(self._loop, lambda item: self._outcome(item, deliver))
        try:
            while True:
                while (room := self._in_flight - flight.size) >= least:
                    taken = list(islice(items, min(room, half)))
                    if not taken:
                        break
                    flight.take_off(taken)
                if not flight.size:
                    return
                enough = min(max(half - room, 1), flight.size)
                landed = flight.landed(enough)
                least = half if len(landed) >= enough else 1
                yield from landed
        finally:
            flight.end()

    def close(self, *farewells: Coroutine[object, object, None]) -> None:
        """Run what is left to do, such as hanging up, and end."""
        for farewell in farewells:
            self._loop.run_until_complete(farewell)
        # Connections that were told to close do so in the loop's next round.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

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


class _Flight(Generic[Item, Result]):
    """Calls in the air: the loop, in its thread, and the one who waits for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[Item], Awaitable[Result]]) -> None:
        self.size = 0  # those whose outcome has not been handed out
        self._loop = loop
        self._call = call
        self._tasks: set[asyncio.Task[None]] = set()
        self._landed: deque[tuple[Item, Result]] = deque()
        self._enough = 1
        self._are_enough = threading.Event()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=loop.run_until_complete, args=(self._last(),), name="courier")
        self._thread.start()

    def take_off(self, items: Sequence[Item]) -> None:
        self.size += len(items)
        self._loop.call_soon_threadsafe(self._start, items)

    def landed(self, enough: int) -> list[tuple[Item, Result]]:
        """All outcomes there are as soon as there are `enough`, and after LONGEST_WAIT in any case."""
        self._enough = enough
        self._are_enough.clear()
        if len(self._landed) < enough:
            self._are_enough.wait(LONGEST_WAIT)
        found = [self._landed.popleft() for _ in range(len(self._landed))]
        self.size -= len(found)
        return found

    def end(self) -> None:
        """End what is still in the air: its rows stay on the wire and are reconciled."""
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    # --- In the loop's thread ---------------------------------------------------------------------

    def _start(self, items: Sequence[Item]) -> None:
        for item in items:
            task = self._loop.create_task(self._fly(item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fly(self, item: Item) -> None:
        self._landed.append((item, await self._call(item)))
        if len(self._landed) >= self._enough:
            self._are_enough.set()

    async def _last(self) -> None:
        await self._is_over.wait()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
