"""On a ticket: what became of each answer that was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm.extensions import TurnMark, turn_marker
from crm.models import TicketMessage
from messaging.models import Message
from messaging.outbox.replies import key_of
from messaging.selectors import log


@turn_marker("messaging")
def deliveries(turns: Sequence[TicketMessage]) -> Mapping[int, TurnMark]:
    """The state of the message that carries each reply; nothing for turns that went no way of ours. One query."""
    by_key = {key_of(turn.public_id): turn.pk for turn in turns if turn.author == TicketMessage.Author.STAFF}
    if not by_key:
        return {}
    messages = Message.objects.filter(dedupe_key__in=by_key)
    return {by_key[message.dedupe_key]: _mark(message) for message in messages}


def _mark(message: Message) -> TurnMark:
    view = log.view_of(message)
    return TurnMark(view.label, view.tone, message.reason_label, message.get_absolute_url())
