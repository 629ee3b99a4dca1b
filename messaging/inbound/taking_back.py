"""
Somebody took a message back (LINE's "unsend"): we forget what it said, wherever we have it.

Heard in either order, and again: a message that is taken back before we have dealt with it opens nothing. The two take
turns at the customer's row, so that neither misses the other.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models import BinaryField, F, Func, IntegerField, Q, Value

from crm.events import log
from crm.models import Customer, Event
from crm.services import taking_back
from messaging.models import InboundMessage, ProviderCall
from messaging.models.inbound import InboundMessageQuerySet

Reading = InboundMessage.Reading
# A provider delivers a call again for a while; all of its copies were worked off since then.
BEFORE = timedelta(hours=1)


def hold(customer: Customer | None) -> Customer | None:
    """The customer, locked; None for somebody unknown."""
    if customer is None:
        return None
    return Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)


def is_taken_back(row: InboundMessage) -> bool:
    """Whether its sender, who is held, took it back before we came to it."""
    return row.message_id != "" and _same(row).filter(reading=Reading.UNSENT).exists()


def take_back(unsent: InboundMessage) -> None:
    """Forget the message that `unsent` names, if we have it; if not, it is forgotten as it comes."""
    for row in _same(unsent).exclude(reading=Reading.UNSENT).select_related("turn"):
        forget(row)
        row.save(update_fields=["body", "subject", "reading"])


def forget(row: InboundMessage) -> None:
    """Forget what `row` said: on it, on its ticket, in facts, and in the calls that brought it. The caller saves it."""
    if row.turn:
        taking_back.take_back(row.turn)
    told = Event.objects.filter(dedupe_key=f"inbound:{row.provider}:{row.provider_id}"[:200])
    if row.body:
        log.replace_words(told, {row.body[:300]: ""})
    row.body = row.subject = ""
    if row.reading in (Reading.MESSAGE, Reading.UNCLEAR):
        row.reading = Reading.UNSENT
    since = row.received_at - BEFORE
    lately = ProviderCall.objects.filter(Q(processed_at__gte=since) | Q(processed_at=None), provider=row.provider)
    named = lately.annotate(at=_Position(F("body"), Value(row.message_id.encode(), BinaryField()))).filter(at__gt=0)
    ProviderCall.objects.filter(pk__in=list(named.values_list("pk", flat=True))).update(body=b"")


def _same(row: InboundMessage) -> InboundMessageQuerySet:
    rows = InboundMessage.objects.filter(message_id=row.message_id, channel=row.channel, provider=row.provider)
    return rows.filter(from_address=row.from_address).exclude(pk=row.pk)


class _Position(Func):
    """Where some bytes begin in others, counted from 1; 0 where they are not. By a name in quotes it is a function."""

    function = '"position"' if connection.vendor == "postgresql" else "INSTR"
    output_field = IntegerField()
