"""Broadcasts at work under a clock of the test's own."""

from datetime import datetime

from messaging.broadcasts import work
from messaging.outbox.sender import send_due


def run(now: datetime, *, limit: int = 1_000) -> int:
    """Do what is due at `now` about broadcasts until nothing is left; return how many batches that took."""
    batches = 0
    while work.work_due(now=now, limit=limit):
        batches += 1
        assert batches < 500
    return batches


def run_and_send(now: datetime) -> None:
    """`run`, and everything queued goes out."""
    run(now)
    while sum(send_due(now=now, limit=10_000).values()):
        pass
    run(now)
