"""Messages that a member of staff writes to one customer."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from crm.models import Channel, Customer, Topic, User
from messaging.models import ChannelSettings, Message
from messaging.outbox.addresses import address_of
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.rendering.letters import MAX_SEGMENTS
from messaging.rendering.shortening import LinkRules, measure_as_sent


class CannotWrite(ValueError):
    """The text cannot be sent; `field` says what is wrong with it: "body", "subject", "topic" or "address"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def send_text(
    *, customer: Customer, channel: str, topic: str, body: str, subject: str = "", actor: User, once: str, now: datetime
) -> Message:
    """
    Queue what `actor` typed, word for word. Whether it may go out is decided when it is sent.

    Args:
        topic: slug; marketing still needs the customer's consent.
        once: names this sending, so that a form sent twice is one message.

    Raises:
        CannotWrite: no such topic, no address, nothing to say, or an SMS that is too long or has a link to a domain
            that is not registered.
    """
    body, subject = body.strip(), subject.strip()
    if not address_of(customer, channel) or not ChannelSettings.objects.filter(channel=channel).exists():
        raise CannotWrite("address", _("there is no address to write to"))
    if not Topic.objects.filter(slug=topic).exists():
        raise CannotWrite("topic", _("there is no such topic"))
    if not body:
        raise CannotWrite("body", _("there is nothing to say"))
    if channel == Channel.EMAIL and not subject:
        raise CannotWrite("subject", _("an email needs a subject"))
    if channel == Channel.SMS:
        _check_sms(body)
    request = MessageRequest(
        customer_id=customer.pk, channel=channel, topic=topic, subject=subject, body=body, is_literal=True,
        dedupe_key=f"staff:{actor.pk}:{once}", cause={"kind": "staff", "user": actor.pk, "name": str(actor)},
    )  # fmt: skip
    return queue_messages([request], now=now)[0]


def _check_sms(body: str) -> None:
    if measure_as_sent(body).segments > MAX_SEGMENTS:
        raise CannotWrite("body", _("too long: an SMS of more than 10 segments is not sent"))
    if stranger := LinkRules.current().stranger(body):
        said = gettext("links to a domain that is not registered: %(url)s")
        raise CannotWrite("body", said % {"url": stranger[0]})
