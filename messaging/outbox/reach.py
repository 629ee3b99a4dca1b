"""Whether somebody could be reached at all, asked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from messaging.channels.reasons import Reason
from messaging.outbox import policy
from messaging.outbox.facts import Rules, customer_facts, message_facts
from messaging.outbox.queue import Desk, MessageRequest
from messaging.selectors.recipients import recipients


def why_closed(requests: Sequence[MessageRequest], *, now: datetime) -> list[Reason | None]:
    """
    Why each of these messages would find nobody if it were queued now; None where the way is open.

    Asks what does not pass by itself: an address, suppression, consent. Hours, caps and complaints are for the sender.
    A fixed number of queries, and nothing is written.

    Raises:
        InvalidRequest: as messaging.outbox.queue.queue_messages.
    """
    if not requests:
        return []
    desk = Desk(requests)
    messages = [desk.row(request, now) for request in requests]
    people = recipients(request.customer_id for request in requests)
    known = customer_facts(messages, people, Rules.current(), now)
    return [
        Reason(message.reason) if message.reason else policy.refusal(message_facts(message), person)
        for message, person in zip(messages, known, strict=True)
    ]
