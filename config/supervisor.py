"""
The watch over the task cluster: django-q rings bells well and keeps watch over itself badly. See docs/decisions/007.

The supervisor does no work of its own. It runs the cluster as a process group, and kills and restarts the whole group
when any part of it dies or its heartbeat stands still. What the group held at that moment stays due in the database.
"""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from crm.lib import lifeline

logger = logging.getLogger("waymark.worker")

DRAIN_SECONDS = 10
LOOK_EVERY = 1.0
RESTART_DELAYS = (1, 2, 4, 8, 15)
START_WITHIN = 30
STEADY_AFTER = 60  # seconds a group must run before its next death counts as the first again
SAY_AGAIN_AFTER = 30

ReadHeartbeat = Callable[[], datetime | None]


class HeldBack(Exception):
    """The heartbeat could not be read because somebody holds the database: a group that hangs does just that."""


class Pulse:
    """
    Judges a heartbeat by how long it has stood still on our own clock, whatever the clock that wrote it says.

    Attributes:
        allowed: seconds it may stand still now: `limit`, or `start_within` if that is longer until it first moves.
    """

    def __init__(self, limit: float, *, at: float, start_within: float = 0) -> None:
        self.limit = limit
        self.allowed = max(limit, start_within)
        self.last: datetime | None = None
        self.moved_at = at
        self._is_read = False

    def feel(self, beat: datetime | None, *, at: float) -> bool:
        """Take a reading; whether it still counts as alive."""
        if beat != self.last:
            # The first reading may be what the group before left behind.
            if self._is_read:
                self.allowed = self.limit
            self.last, self.moved_at = beat, at
        self._is_read = True
        return self.counts_as_alive(at=at)

    def counts_as_alive(self, *, at: float) -> bool:
        return at - self.moved_at <= self.allowed

    def excuse(self, *, at: float) -> None:
        """Nothing could be read, so nothing is known: begin to count again."""
        self.moved_at = at


class Group:
    """The cluster's processes: one session, one process group, and a lifeline that tells them when to end."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        far_end, self._lifeline = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own manage.py
            command,
            env={**os.environ, **environment, lifeline.FD_VARIABLE: str(far_end)},
            pass_fds=(far_end,),
            start_new_session=True,
        )
        os.close(far_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def drain(self, seconds: float) -> bool:
        """Let the tasks at work finish and begin no more; whether all ended within `seconds`."""
        self._cut_lifeline()
        # To the main process only: a signal to the whole group can hang django-q.
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End every process of the group, also those whose parent has already gone."""
        self._cut_lifeline()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _cut_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1


class Supervisor:
    """
    Keeps one group running until told to stop.

    Args:
        start: makes and starts a group.
        read_heartbeat: when the group last wrote that it is alive; raises what it likes when that cannot be known,
            and `HeldBack` when the group itself may be why.
        limit: seconds a heartbeat may stand still.
        start_within: seconds a new group may take to its first, which is longer on a busy machine.
    """

    def __init__(
        self,
        start: Callable[[], Group],
        read_heartbeat: ReadHeartbeat,
        *,
        limit: float,
        start_within: float = START_WITHIN,
    ) -> None:
        self._start = start
        self._read_heartbeat = read_heartbeat
        self._limit = limit
        self._start_within = start_within
        self._stopping = False
        self._group: Group | None = None
        self._deaths = 0
        self._said_at = float("-inf")

    def run(self) -> None:
        """Watch over one group after the other until `stop`; every process is gone when this returns."""
        try:
            while not self._stopping:
                started = time.monotonic()
                self._group = self._start()
                logger.info("task cluster started as process group %s", self._group.pid)
                reason = self._watch(self._group)
                if not reason:
                    break
                if time.monotonic() - started >= STEADY_AFTER:
                    self._deaths = 0
                delay = RESTART_DELAYS[min(self._deaths, len(RESTART_DELAYS) - 1)]
                self._deaths += 1
                logger.error("task cluster %s: %s; killed, next start in %s s", self._group.pid, reason, delay)
                self._group.kill()
                self._rest(delay)
            if self._group and not self._group.drain(DRAIN_SECONDS):
                logger.warning("tasks were still at work after %s s; killed", DRAIN_SECONDS)
        finally:
            if self._group:
                self._group.kill()

    def stop(self) -> None:
        """Have `run` drain the group and return. Safe in a signal handler, and so a plain flag."""
        self._stopping = True

    def leave(self) -> None:
        """End everything this instant."""
        if self._group:
            self._group.kill()
        os._exit(1)

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(0.2)

    def _watch(self, group: Group) -> str:
        """Return why `group` must be replaced, or "" when it is we who should stop."""
        pulse = Pulse(self._limit, at=time.monotonic(), start_within=self._start_within)
        while True:
            self._rest(LOOK_EVERY)
            if self._stopping:
                return ""
            # django-q's main process ends with 0 when its sentinel is killed, so any end is a death.
            if group.has_ended():
                return "ended"
            at = time.monotonic()
            try:
                is_alive = pulse.feel(self._read_heartbeat(), at=at)
            except HeldBack as problem:
                is_alive = pulse.counts_as_alive(at=at)
                self._say_now_and_then(problem)
            except Exception as problem:  # noqa: BLE001 - the database is away: not the group's fault
                pulse.excuse(at=at)
                self._say_now_and_then(problem)
                continue
            if not is_alive:
                return f"no heartbeat for {pulse.allowed:.0f} s"

    def _say_now_and_then(self, problem: Exception) -> None:
        if time.monotonic() - self._said_at >= SAY_AGAIN_AFTER:
            self._said_at = time.monotonic()
            logger.warning("the heartbeat cannot be read: %s", problem)
