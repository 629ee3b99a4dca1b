"""What waits while sending is held, and what can be found out about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from crm.lib.vault import CannotUnseal
from messaging.channels import registry
from messaging.channels.base import Repeat
from messaging.models import ChannelSettings, Message


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages in line on one channel; `repeat` is what its provider can do about those that may be out."""

    channel: str
    provider: str
    messages: int
    repeat: Repeat


def waiting() -> list[Waiting]:
    """By channel."""
    rows = Message.objects.in_line().values_list("channel").annotate(n=Count("pk")).order_by("channel")
    accounts = {account.channel: account for account in ChannelSettings.objects.all()}
    return [
        Waiting(channel, account.provider if account else "", number, _repeat(account))
        for channel, number in rows
        for account in (accounts.get(channel),)
    ]


def _repeat(account: ChannelSettings | None) -> Repeat:
    try:
        return registry.provider(account.provider, account.config).traits.repeat if account else Repeat.NEVER
    except (registry.UnknownProvider, CannotUnseal):
        return Repeat.NEVER
