"""Test sends of a broadcast's texts to the member of staff who writes them."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext_noop as _

from crm.models import Channel, Topic, User
from crm.services import customers, identities
from messaging.models import Broadcast, Message
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.services.texts import CannotWrite
from messaging.services.trials import SOURCE


@transaction.atomic
def send_test(broadcast: Broadcast, *, number: int, address: str, actor: User, now: datetime) -> Message:
    """
    Send the variant `number` to `actor`, who becomes a customer with their own email address.

    It passes for an answer to what they have just asked for, so that neither consent nor quiet hours hold it up.

    Args:
        address: a number in E.164 for SMS; email goes to the actor's own address.

    Raises:
        CannotWrite: there is no such variant, it says nothing, or the actor has no email address.
    """
    text = broadcast.variants.filter(number=number).first()
    if text is None or not (text.template or text.body.strip()):
        raise CannotWrite("number", _("there is no such text"))
    if not actor.email:
        raise CannotWrite("address", _("your profile has no email address"))
    own = customers.upsert_customer(
        identities=identities.clean(email=actor.email), now=now, source=SOURCE, name=str(actor)
    )
    request = MessageRequest(
        customer_id=own.customer.pk, channel=broadcast.channel,
        topic=Topic.objects.filter(is_marketing=False).earliest("slug").slug, template=text.template,
        subject=text.subject, body=text.body, language=actor.language, is_answer=True,
        address=actor.email if broadcast.channel == Channel.EMAIL else address, dedupe_key=f"test:{uuid4()}",
        cause={"kind": "test", "user": actor.pk, "name": str(actor)},
    )  # fmt: skip
    return queue_messages([request], now=now)[0]
