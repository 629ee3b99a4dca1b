"""What the owner of the sandbox phone can do: write back, and have messages meet another fate."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.lib.ids import uuid7
from messaging.channels.base import News, ReceiptIn
from messaging.inbound.receive import receive_text
from messaging.models import ChannelSettings, InboundMessage, Message, SandboxText
from messaging.models.channel import SANDBOX
from messaging.outbox import receipts

REPORTS_BY_HAND = {"receipts": "by_hand"}


class NotOnThePhone(ValueError):
    """The message did not go to the sandbox."""


@transaction.atomic
def write_back(*, address: str, channel: str, body: str, now: datetime) -> InboundMessage:
    """The owner of `address` answers us; it comes in as from any provider."""
    key = uuid7().hex
    SandboxText.objects.create(address=address, channel=channel, is_from_us=False, key=key, body=body, at=now)
    return receive_text(channel=channel, from_address=address, body=body, provider=SANDBOX, provider_id=key, now=now)


def reports_by_hand() -> bool:
    """Whether messages on the phone wait for somebody to play their fate; else they are delivered at once."""
    return any(row.config == REPORTS_BY_HAND for row in ChannelSettings.objects.filter(provider=SANDBOX))


def report_by_hand(by_hand: bool) -> None:
    """Choose between the two, for every channel that goes to the sandbox."""
    for row in ChannelSettings.objects.filter(provider=SANDBOX):
        row.config = REPORTS_BY_HAND if by_hand else {}
        row.save(update_fields=["sealed_config"])


@transaction.atomic
def simulate_receipt(message: Message, news: str, *, now: datetime) -> Message:
    """
    Report on a message as a network would: "delivered", "undelivered", "blocked", "unknown_address" or "complained".

    Goes the way of every receipt: what has been delivered stays delivered (see `report_by_hand`).

    Raises:
        NotOnThePhone: it never arrived there.
        ValueError: no such news.
    """
    text = SandboxText.objects.filter(key=message.key, is_from_us=True).first()
    if text is None:
        raise NotOnThePhone("this message is not on the sandbox phone")
    report = News(news)
    count = message.receipts.count()
    receipts.take_receipts(
        [
            ReceiptIn(
                provider=SANDBOX, event_id=f"{message.key}:{report}:{count}", news=report, at=now, key=message.key,
                reference=message.provider_reference, detail="played on the sandbox phone",
            )
        ],
        now=now,
    )  # fmt: skip
    text.news = report
    text.save(update_fields=["news"])
    message.refresh_from_db()
    return message
