"""Test sends: a template to the member of staff who writes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext_noop as _

from crm.models import Channel, Topic, User
from crm.services import customers, identities
from messaging.models import Message, Template
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.services.texts import CannotWrite

SOURCE = "staff"


@transaction.atomic
def send_test(
    template: Template, *, language: str, address: str, context: Mapping[str, Any], actor: User, now: datetime
) -> Message:
    """
    Send what is published to `actor`, who becomes a customer with their own email address: every message is somebody's.

    It passes for an answer to what they have just asked for, so that neither consent nor quiet hours hold it up.

    Args:
        address: a number in E.164 for SMS; email goes to the actor's own address, LINE to their account.
        context: data that a flow would bring.

    Raises:
        CannotWrite: the actor has no email address, by which to know them, or no LINE account that we know.
    """
    if not actor.email:
        raise CannotWrite("address", _("your profile has no email address"))
    own = customers.upsert_customer(
        identities=identities.clean(email=actor.email), now=now, source=SOURCE, name=str(actor)
    )
    if template.channel == Channel.LINE and not own.customer.line_id:
        raise CannotWrite("address", _("no LINE account is known of the customer with your email address"))
    own_address = {Channel.EMAIL: actor.email, Channel.LINE: own.customer.line_id}
    topic = Topic.objects.filter(is_marketing=False).earliest("slug")
    request = MessageRequest(
        customer_id=own.customer.pk, channel=template.channel, topic=topic.slug, template=template.slug,
        address=own_address.get(Channel(template.channel), address), language=language, context=context,
        is_answer=True, dedupe_key=f"test:{uuid4()}", cause={"kind": "test", "user": actor.pk, "name": str(actor)},
    )  # fmt: skip
    return queue_messages([request], now=now)[0]
