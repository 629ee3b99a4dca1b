"""Send a message of the ledger to nobody: the policy's answer and the letter are real, the provider is missing."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

from django.conf import settings
from django.urls import reverse

from messaging.channels.base import Accepted, PermanentFailure
from messaging.models import Message
from messaging.outbox import clearance, results
from messaging.outbox.claims import LEASE, Claim
from messaging.outbox.facts import Rules
from messaging.outbox.results import Call
from messaging.rendering.letters import CannotCompose, Letters

# Stands for the provider, and on the lease, of messages that reach nobody.
NOBODY = "simulation"
_TEXT = ("subject", "body", "html", "segments", "version", "language")


def deliver(message: Message, rules: Rules, *, now: datetime) -> None:
    """Do with a queued message what the sender does: ask the policy, write the letter, note what became of it."""
    message.state, message.provider = Message.State.SENDING, NOBODY
    message.lease_token, message.lease_until, message.attempts = NOBODY, now + LEASE, message.attempts + 1
    message.save(update_fields=["state", "provider", "lease_token", "lease_until", "attempts"])
    claim = Claim(NOBODY, now + LEASE, [message], {message.customer_id: message.customer})
    cleared, _counts = clearance.clear(claim, rules, now=now)
    calls = [_call(message, rules) for message in cleared]
    if calls:
        results.write_results(calls, NOBODY, provider=NOBODY, now=now)


def text_of(message: Message, rules: Rules) -> tuple[str, str]:
    """(subject, body) that went out or would have; empty when no letter can be written."""
    if message.state != Message.State.SENT:
        try:
            letter = Letters([message], rules.shop).compose(message, message.customer)
        except CannotCompose:
            return "", ""
        return letter.subject, _without_tokens(letter.body)
    return message.subject, _without_tokens(message.body)


def _call(message: Message, rules: Rules) -> Call:
    try:
        letter = Letters([message], rules.shop).compose(message, message.customer)
    except CannotCompose as error:
        return Call(message, PermanentFailure(error.detail, reason=error.reason), 0)
    message.subject, message.body, message.html = letter.subject, letter.body, letter.html
    message.segments, message.version_id, message.language = letter.segments, letter.version_id, letter.language
    message.save(update_fields=_TEXT)
    return Call(message, Accepted(reference=f"{NOBODY}:{message.pk}"), 0)


def _without_tokens(text: str) -> str:
    """A link of ours is signed for one message and one moment; what is shown here is no message that anybody got."""
    return _signed_links().sub(r"\1…", text)


@cache
def _signed_links() -> re.Pattern[str]:
    names = ("unsubscribe", "preferences")
    paths = [reverse(f"messaging_public:{name}", args=["TOKEN"]).removesuffix("TOKEN/") for name in names]
    return re.compile(f"({'|'.join(re.escape(settings.SITE_URL + path) for path in paths)})[^\\s\"'<>]+")
