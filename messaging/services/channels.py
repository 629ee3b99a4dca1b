"""How channels are connected, and the switches that stop them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from crm.lib import bell
from crm.models import Channel, Shop, Topic, User
from crm.services import customers, identities
from messaging.channels import registry
from messaging.models import ChannelSettings, Message, MessagingSettings
from messaging.models.channel import new_hook_token
from messaging.outbox import flow
from messaging.outbox.queue import BELL, MessageRequest, queue_messages


@transaction.atomic
def connect_channel(
    *, channel: str, provider: str, sender: str, max_per_second: int, config: Mapping[str, Any] | None = None
) -> ChannelSettings:
    """
    Have `channel` go out through `provider`, from now on.

    Another provider, or other credentials, close an open circuit: it was about the old ones. Another provider also gets
    doors of its own, so that the last one no longer knows the way in.

    Args:
        config: the provider's settings and credentials; None keeps those there are. Another provider starts without.

    Raises:
        django.core.exceptions.ValidationError: a provider that does not carry this channel, a bad sender, or settings
            with faults: those are on "config", each with its path.
    """
    row = ChannelSettings.objects.select_for_update().filter(channel=channel).first() or ChannelSettings(
        channel=channel
    )
    is_new_provider = row.provider != provider
    is_new_account = is_new_provider or config is not None
    if is_new_account:
        row.config = dict(config or {})
    if is_new_provider:
        row.hook_token = new_hook_token()
    row.provider, row.sender, row.max_per_second = provider, sender.strip(), max_per_second
    row.full_clean()
    refuse_faults(provider, row.config)
    row.save()
    if is_new_account:
        flow.close_circuit(row)
        bell.ring(BELL)
    return row


def refuse_faults(provider: str, config: Mapping[str, Any]) -> None:
    """
    Raises:
        django.core.exceptions.ValidationError: on "config", what `provider` finds wrong with its settings.
    """
    found = [str(fault) for fault in registry.faults(provider, config)]
    if found:
        raise ValidationError({"config": found})


@transaction.atomic
def send_trial(row: ChannelSettings, *, address: str, actor: User, now: datetime) -> Message:
    """
    Send `actor` a few words by this channel: a real message, to be found in the log.

    It passes for an answer to what they have just asked for, so that neither consent nor quiet hours hold it up. They
    become a customer with their own email address, or else with `address`: every message is somebody's.
    """
    who = identities.clean(email=actor.email) if actor.email else _CLEAN[Channel(row.channel)](address)
    own = customers.upsert_customer(identities=who, now=now, source="staff", name=str(actor))
    topic = Topic.objects.filter(is_marketing=False).earliest("slug")
    request = MessageRequest(
        customer_id=own.customer.pk, channel=row.channel, topic=topic.slug, address=address, is_literal=True,
        subject=gettext("A test"), body=gettext("A test from %(shop)s: this channel works.") % {"shop": Shop.current()},
        is_answer=True, dedupe_key=f"trial:{uuid4()}", cause={"kind": "test", "user": actor.pk, "name": str(actor)},
    )  # fmt: skip
    return queue_messages([request], now=now)[0]


_CLEAN = {
    Channel.SMS: lambda address: identities.clean(phone=address),
    Channel.EMAIL: lambda address: identities.clean(email=address),
    Channel.LINE: lambda address: identities.clean(line_id=address),
}


def switch_channel(row: ChannelSettings, *, on: bool) -> None:
    """The kill switch of one channel. Off, its messages wait."""
    ChannelSettings.objects.filter(pk=row.pk).update(is_on=on)
    _wake(on)


def switch_sending(*, on: bool) -> None:
    """The kill switch of all channels. Off, every message waits."""
    MessagingSettings.objects.filter(pk=MessagingSettings.current().pk).update(sending_on=on)
    _wake(on)


def close_circuit(row: ChannelSettings) -> None:
    """A person says that the provider is well again: send now."""
    flow.close_circuit(row)
    bell.ring(BELL)


def _wake(on: bool) -> None:
    if on:
        bell.ring(BELL)
