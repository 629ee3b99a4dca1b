"""The sandbox phone as staff see it: conversations, and the texts of one."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet

from crm.models import Customer, Identity, User
from messaging.models import ChannelSettings, Message, SandboxText
from messaging.models.channel import SANDBOX
from messaging.selectors.log import ADDRESSES

CONVERSATIONS = 40
TEXTS = 80


@dataclass(frozen=True, slots=True)
class Conversation:
    """Everything on the phone of one address. `last.key` finds it again; `customer` is whose address it is."""

    last: SandboxText
    customer: Customer | None


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text, with the row of the ledger behind it when it came from us."""

    text: SandboxText
    message: Message | None


def sandbox_channels() -> list[ChannelSettings]:
    """The channels whose messages end on the phone."""
    return list(ChannelSettings.objects.filter(provider=SANDBOX))


def texts_for(user: User) -> QuerySet[SandboxText]:
    """The texts of those customers whom `user` may see."""
    texts = SandboxText.objects.all()
    if user.sees_only_own:
        texts = texts.filter(address__in=_addresses_of(Customer.objects.visible_to(user)))
    return texts


def conversations(user: User, text: str = "") -> list[Conversation]:
    """The latest conversations, newest first; with `text`, of people and addresses it is a part of."""
    texts = texts_for(user)
    if text:
        people = Customer.objects.visible_to(user).matching(text)
        texts = texts.filter(Q(address__icontains=text) | Q(address__in=_addresses_of(people)))
    latest = texts.order_by().values("address").annotate(last=Max("pk")).order_by("-last").values("last")
    found = list(SandboxText.objects.filter(pk__in=list(latest[:CONVERSATIONS].values_list("last", flat=True))))
    owners = _owners({row.address for row in found})
    found.sort(key=lambda row: -row.pk)
    return [Conversation(row, owners.get(row.address.lower())) for row in found]


def conversation(user: User, key: str) -> Conversation | None:
    """The conversation that has the text `key` in it, if `user` may see it."""
    text = texts_for(user).filter(key=key).first()
    return None if text is None else Conversation(text, _owners([text.address]).get(text.address.lower()))


def bubbles(address: str) -> list[Bubble]:
    """The latest texts of a conversation, oldest first."""
    texts = list(SandboxText.objects.filter(address=address).order_by("-pk")[:TEXTS])
    sent = Message.objects.filter(public_id__in=[text.key for text in texts if text.is_from_us])
    by_key = {message.key: message for message in sent}
    return [Bubble(text, by_key.get(text.key)) for text in reversed(texts)]


def on_the_phone(message: Message) -> bool:
    """Whether `message` arrived on the sandbox phone."""
    return message.provider == SANDBOX and SandboxText.objects.filter(key=message.key).exists()


def fingerprint(found: Sequence[Conversation | Bubble]) -> str:
    """Changes when what is shown of `found` does: a poll that brings the same one back needs no answer."""
    shown = [
        (row.last.pk, row.last.news) if isinstance(row, Conversation) else (row.text.pk, _state(row)) for row in found
    ]
    return f"{zlib.crc32(repr(shown).encode()):08x}"


def _state(bubble: Bubble) -> str:
    return f"{bubble.text.news} {bubble.message.state if bubble.message else ''}"


def _addresses_of(customers: QuerySet[Customer]) -> QuerySet[Identity, str]:
    identities = Identity.objects.filter(customer__in=customers.values("pk"), kind__in=ADDRESSES)
    return identities.values_list("value", flat=True)


def _owners(addresses: Collection[str]) -> Mapping[str, Customer]:
    """Whose addresses these are, by address in lower case."""
    wanted = {address.lower() for address in addresses} | set(addresses)
    rows = Identity.objects.filter(value__in=wanted, kind__in=ADDRESSES).select_related("customer")
    return {row.value.lower(): row.customer for row in rows}
