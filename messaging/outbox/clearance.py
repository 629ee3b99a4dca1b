"""Ask the policy about claimed messages, and write down what it said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from crm.events import log
from crm.lib.among import Among
from crm.models import Customer
from messaging.models import Message
from messaging.models.suppression import hash_address
from messaging.outbox import announce, claims, policy
from messaging.outbox.addresses import address_of
from messaging.outbox.claims import Claim
from messaging.outbox.facts import Rules, customer_facts, message_facts
from messaging.selectors.recipients import Addressee

State = Message.State
# What caps count. The rest of a "yes" is written as the call starts.
_CLEARED = ("cleared_at",)
_STOPPED = ("state", "reason", "decision", "due_at", "attempts", "cleared_at", "ended_at")
_FOUND = ("address", "address_hash")
# Somebody else is deciding on the same customer this very moment.
SOON = timedelta(seconds=1)


@transaction.atomic
def clear(claim: Claim, rules: Rules, *, now: datetime) -> tuple[list[Message], Counter[str]]:
    """
    Decide on every message of the claim; a fixed number of queries.

    Returns:
        What may be sent, in order, and how many were withheld or held. Those have left the claim.

    One short transaction that holds the customers of marketing messages: two workers with messages of one customer on
    two channels decide one after the other, so that a cap is kept to the letter.
    """
    decidable, busy = _lock(claim.messages)
    claims.release(busy, claim.token, due_at=now + SOON)
    claims.update(_rows(_look_up_addresses(decidable, claim.people), claim, _FOUND), fields=_FOUND)
    facts = customer_facts(decidable, claim.people, rules, now)
    cleared: list[Message] = []
    others: list[Message] = []
    for message, customer in zip(decidable, facts, strict=True):
        decision = policy.decide(message_facts(message), customer, rules.policy, now)
        _note(message, decision, now)
        (cleared if message.state == State.SENDING else others).append(message)
    counted = [message for message in cleared if message.lane == Message.Lane.MARKETING]
    claims.update(_rows(counted, claim, _CLEARED), fields=_CLEARED)
    claims.write(_rows(others, claim, _STOPPED), fields=_STOPPED)
    withheld = [message for message in others if message.state == State.WITHHELD]
    log.record_many([announce.withheld(message, now) for message in withheld], now=now)
    return cleared, Counter("held" if message.state == State.QUEUED else message.state for message in others)


def _lock(messages: Collection[Message]) -> tuple[list[Message], list[Message]]:
    """Messages whose customers are ours for this transaction, and those somebody else has in hand."""
    if not connection.features.has_select_for_update_skip_locked:
        return list(messages), []  # SQLite: the transaction itself is exclusive
    marketing = {message.customer_id for message in messages if message.lane == Message.Lane.MARKETING}
    rows = Customer.objects.filter(Among("pk", marketing)).select_for_update(skip_locked=True, no_key=True)
    ours = set(rows.values_list("pk", flat=True)) if marketing else set()
    busy = marketing - ours
    return (
        [message for message in messages if message.lane == Message.Lane.SERVICE or message.customer_id in ours],
        [message for message in messages if message.lane == Message.Lane.MARKETING and message.customer_id in busy],
    )


def _look_up_addresses(messages: Collection[Message], people: Mapping[int, Addressee]) -> list[Message]:
    """Whoever had no address when the message was queued may have one by now; return the messages concerned."""
    nowhere = [message for message in messages if not message.address]
    for message in nowhere:
        message.address = address_of(people[message.customer_id], message.channel)
        message.address_hash = hash_address(message.channel, message.address)
    return nowhere


def _note(message: Message, decision: policy.Decision, now: datetime) -> None:
    message.decision = policy.as_json(decision)
    match decision:
        case policy.Send():
            message.reason, message.cleared_at = "", now
        case policy.Hold():
            message.state, message.reason, message.due_at = State.QUEUED, decision.reason, decision.until
            message.attempts -= 1
            message.cleared_at = None
        case policy.Withhold():
            # A call whose answer was lost may have got through: then it is not for us to say that it was withheld.
            message.state = State.UNKNOWN_FINAL if message.wire_at else State.WITHHELD
            message.reason, message.ended_at = decision.reason, now
            message.attempts -= 1


def _rows(messages: Collection[Message], claim: Claim, fields: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"id": message.pk, "lease_token": claim.token, **{name: getattr(message, name) for name in fields}}
        for message in messages
    ]
