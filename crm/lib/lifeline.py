"""
A pipe whose far end the supervisor of a process holds open: once that end closes, it is time to finish and go.

It closes when `manage.py worker` is told to stop, and also when it dies, so nobody has to be there to say so.
"""

import os
import select

FD_VARIABLE = "WAYMARK_LIFELINE"


def is_cut() -> bool:
    """Whether this process should finish what it holds and begin nothing more; never, for one without a supervisor."""
    descriptor = os.environ.get(FD_VARIABLE)
    if descriptor is None:
        return False
    poll = select.poll()
    poll.register(int(descriptor), select.POLLIN)
    return bool(poll.poll(0))
