"""Rows of messaging, as plain as they can be."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import factory
from factory.django import DjangoModelFactory

from crm.models import Consent, Customer, Topic
from messaging.models import (
    Broadcast,
    BroadcastVariant,
    Message,
    SandboxText,
    Template,
    TemplateVariant,
    TemplateVersion,
)
from messaging.models.suppression import hash_address
from tests.factories.crm import NOON, CustomerFactory


def topic(slug: str) -> Topic:
    """One of the topics every shop starts with."""
    return Topic.objects.get(slug=slug)


def opt_in(customer: Customer, *slugs: str, channel: str = "sms") -> None:
    """They agreed to these topics on this channel."""
    for slug in slugs:
        Consent.objects.create(customer=customer, channel=channel, topic=topic(slug), state="in", since=NOON)


def make_template(slug: str, channel: str = "sms", *, published: bool = True, **bodies: str) -> Template:
    """A template with one version; `bodies` are its texts by language: en="Hi", th="…"."""
    template, _ = Template.objects.get_or_create(slug=slug, channel=channel, defaults={"name": slug})
    number = template.versions.count() + 1
    version = TemplateVersion.objects.create(
        template=template, number=number, published_at=NOON if published else None, created_at=NOON
    )
    for language, body in bodies.items():
        subject = f"About {slug}" if channel == "email" else ""
        TemplateVariant.objects.create(version=version, language=language, subject=subject, body=body)
    return template


class MessageFactory(DjangoModelFactory[Message]):
    """A literal service text, queued and due at NOON."""

    class Meta:
        model = Message

    customer = factory.SubFactory(CustomerFactory)
    dedupe_key = factory.Sequence(lambda n: f"test:{n}")
    channel = "sms"
    topic = factory.LazyFunction(lambda: topic("order_updates"))
    lane = factory.LazyAttribute(lambda message: int(message.topic.is_marketing))
    address = factory.LazyAttribute(lambda message: str(message.customer.phone))
    address_hash = factory.LazyAttribute(lambda message: hash_address(message.channel, message.address))
    body = "Hello"
    is_literal = True
    queued_at = NOON
    planned_at = factory.SelfAttribute("queued_at")
    due_at = factory.SelfAttribute("planned_at")


def phone_of(customer: Customer) -> list[str]:
    """The texts on the customer's sandbox phone, oldest first."""
    texts = SandboxText.objects.filter(address=str(customer.phone), is_from_us=True)
    return list(texts.order_by("pk").values_list("body", flat=True))


def states(**filters: Any) -> list[str]:
    """States of the messages that match, in the order they were queued."""
    return list(Message.objects.filter(**filters).order_by("pk").values_list("state", flat=True))


def make_broadcast(*bodies: str, number: int = 1, weights: Sequence[int] = (), **fields: Any) -> Broadcast:
    """
    A draft to everybody by SMS about after-sales, with a variant for each of `bodies`; always with the same lots for
    the same `number`.
    """
    made = {"name": "Spring", "channel": "sms", "topic": topic("after_sales"), **fields}
    made.setdefault("public_id", UUID(int=0xB0A << 64 | number))
    broadcast = Broadcast.objects.create(**made, created_at=NOON, updated_at=NOON)
    for place, body in enumerate(bodies or ("Hello",), start=1):
        weight = weights[place - 1] if weights else 1
        BroadcastVariant.objects.create(broadcast=broadcast, number=place, weight=weight, body=body)
    return broadcast


def make_people(count: int, **fields: Any) -> list[Customer]:
    """So many customers, always with the same public ids."""
    return [CustomerFactory(public_id=UUID(int=0xC0 << 64 | number), **fields) for number in range(1, count + 1)]
