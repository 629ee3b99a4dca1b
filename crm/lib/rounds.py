"""How a task works off what is due: in rounds, for a bounded time."""

import time
from collections.abc import Callable

from crm.lib import bell, lifeline


def work_off(work: Callable[[], int], *, again: str = "", seconds: float = 20) -> int:
    """
    Call `work`, which does one batch and returns how much that was, until nothing is left; return the total.

    Stops early when `seconds` are over, so that the tick behind it in the queue is not kept waiting, and when the
    worker is to stop. What is left then stays due; the bell `again` is rung for it.
    """
    deadline = time.monotonic() + seconds
    total = 0
    while not lifeline.is_cut():
        done = work()
        total += done
        if not done:
            break
        if time.monotonic() >= deadline:
            if again:
                bell.ring(again)
            break
    return total
