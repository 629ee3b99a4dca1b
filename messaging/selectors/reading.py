"""What a message says to whoever gets it: as it left, or as it would leave now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm.models import Channel, Shop
from messaging.channels.reasons import Reason
from messaging.models import Message
from messaging.rendering.letters import CannotCompose, Letters, context_for
from messaging.texts import liquid, sms
from messaging.texts.sms import Measure


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A message as it is read.

    `is_final` says that these words left, or were typed by a person; otherwise they are what the template and the
    customer's data make today. `fault` is why there are none; `text_hash` what is left of those that were forgotten
    with age. `measure` is of an SMS.
    """

    channel: str
    body: str = ""
    subject: str = ""
    html: str = ""
    language: str = ""
    is_final: bool = True
    fault: str = ""
    text_hash: str = ""

    @property
    def measure(self) -> Measure | None:
        return sms.measure(self.body) if self.channel == Channel.SMS and self.body else None


def reading_of(message: Message) -> Reading:
    """What `message`, whose customer and template are loaded, says."""
    if message.body:
        return Reading(message.channel, message.body, message.subject, message.html, message.language)
    if message.text_hash:
        return Reading(message.channel, language=message.language, text_hash=message.text_hash)
    try:
        letter = Letters([message], Shop.current()).compose(message, message.customer)
    except CannotCompose as error:
        return Reading(message.channel, language=message.language, is_final=False, fault=error.detail)
    return Reading(message.channel, letter.body, letter.subject, letter.html, letter.language, is_final=False)


def in_short(message: Message, shop: Shop) -> str:
    """
    What `message`, whose customer and template are loaded, says or will say, in a few words: its subject, its text, or
    its template's name; "" for nothing. No query.
    """
    if words := message.subject or message.body:
        return words
    if message.template:
        return message.template.name
    source = message.source_subject or message.source_body
    try:
        return liquid.parse(source).render(context_for(message, message.customer, shop), language=message.language)
    except (liquid.InvalidTemplate, liquid.RenderFailed):
        return source


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a message. `key` is queued, cleared, wire, sent, unknown, delivered, ended or due."""

    key: str
    at: datetime


def steps_of(message: Message) -> list[Step]:
    """What happened to `message` and when, in that order; the next try of a waiting one comes last."""
    is_over = message.ended_at is not None and message.ended_at != message.delivered_at
    known = {
        "queued": message.queued_at,
        "cleared": message.cleared_at,
        "wire": message.wire_at,
        "sent": message.sent_at,
        "unknown": message.unknown_at,
        "delivered": message.delivered_at,
        "ended": message.ended_at if is_over else None,
        "due": message.due_at if message.state == Message.State.QUEUED and message.reason != Reason.PAUSED else None,
    }
    steps = [Step(key, at) for key, at in known.items() if at is not None]
    return sorted(steps, key=lambda step: step.at)
