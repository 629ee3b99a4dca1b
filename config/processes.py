"""What processes do to each other."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """
    Be killed when the process that started this one ends, and so for everything forked from here.

    A killed supervisor then leaves no orphans that go on working unwatched. Linux only; elsewhere the process group is
    what catches them.
    """
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=_die_with_parent)
        _die_with_parent()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
