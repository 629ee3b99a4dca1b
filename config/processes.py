"""What processes do to each other, and to themselves."""

import ctypes
import gc
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def spare_garbage_collection() -> None:
    """
    Look for reference cycles a hundred times less often, and never again among what is loaded now.

    A batch makes tens of thousands of rows that live until it is written; by default Python searches all of them for
    cycles after each 700 new ones, a fifth of the batch's time. The 50,000 objects waited for are some megabytes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


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
