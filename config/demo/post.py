"""What came in lately, and what became of a few letters on a bad day of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from config.demo.pictures import picture
from crm.models import Channel, Customer, User
from messaging.channels.base import (
    Accepted,
    ConfigFault,
    Outcome,
    Parcel,
    PermanentFailure,
    TemporaryFailure,
    Traits,
    Uncertain,
)
from messaging.channels.calls import Call, FileIn, Heard, InboundIn, Kind, NoSuchDoor
from messaging.channels.reasons import Reason
from messaging.inbound import phone
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, InboundMessage, Message
from messaging.models.channel import SANDBOX
from messaging.outbox import cancel, claims, reconcile
from messaging.outbox.clock import Clock
from messaging.outbox.delivery import Delivery
from messaging.outbox.facts import Rules
from messaging.services import channels, texts

GATEWAY = "http_sms"
# A second time at these minutes, and so on: long enough to give up what is refused for now.
_ROUNDS = (0, 1, 3, 7, 15, 32, 66, 130, 220, 320)

TAKEN = Accepted("gw-20417")
_SENT: tuple[tuple[str, Outcome], ...] = (
    ("The spare lid is on its way.", TAKEN),
    ("Your invoice is ready; reply if the company's name is wrong.",
     PermanentFailure("blocked by the recipient", reason=Reason.BLOCKED)),
    ("We could not reach you by phone. When may we call?",
     PermanentFailure("number not in service", reason=Reason.UNKNOWN_ADDRESS)),
    ("Your refund of 320 baht has left our bank.", PermanentFailure("content refused by the network")),
    ("The courier comes between 13 and 15 o'clock.", TemporaryFailure("handset switched off")),
    ("We have put the two cups aside for you.", Uncertain("the connection broke off before an answer came")),
)  # fmt: skip
_LETTER = """Hello,

one of the four cups was in pieces when I opened the box. I took a picture. Could you send another?

On Thu, Nov 19, 2026 at 10:12 AM Baan Cha Tea House <hello@baancha.example> wrote:
> Thank you for your order. It leaves us tomorrow
> and is with you in two to three days.
"""
_TEXTS = ("Are you open on Monday?", "Can you still stop my parcel? I gave the wrong house number.", "STOP")
_ON_LINE = "สวัสดีค่ะ มีชาอู่หลงแบบ 250 กรัมไหมคะ"
_LINE_ID = f"U{'5eed' * 8}"
_STILL_OPEN = "Your whisk has been exchanged; shall we send it, or do you collect it?"
_TAKEN_BACK = "Your parcel has come back to us."


@transaction.atomic
def receive_some(*, now: datetime) -> None:
    """A letter with a picture and what it answers, texts that ask, may mean stop and do, and somebody on LINE."""
    if InboundMessage.objects.exists():
        return
    letter_writer, *texters = _reachable()[: 1 + len(_TEXTS)]
    letter = InboundIn(
        provider=SANDBOX, provider_id="demo-letter", from_address=letter_writer.email, at=now - timedelta(hours=5),
        from_name=letter_writer.display_name, subject="Re: Your order", body=_LETTER,
        message_id="<demo-letter@mail.example>", files=[FileIn("broken-cup.png", "image/png", picture())],
    )  # fmt: skip
    receive(letter, channel=Channel.EMAIL, now=letter.at)
    for hours, (customer, body) in enumerate(zip(texters, _TEXTS, strict=True)):
        at = now - timedelta(hours=4 - hours)
        phone.write_back(address=str(customer.phone), channel=Channel.SMS, body=body, now=at)
    channels.connect_channel(channel=Channel.LINE, provider=SANDBOX, sender="", max_per_second=0)
    for minutes, kind, body in ((70, Kind.FOLLOWED, ""), (65, Kind.WROTE, _ON_LINE)):
        said = InboundIn(
            provider=SANDBOX, provider_id=f"demo-line-{kind}", from_address=_LINE_ID, from_name="กัลยา", kind=kind,
            body=body, at=now - timedelta(minutes=minutes),
        )  # fmt: skip
        receive(said, channel=Channel.LINE, now=said.at)


def send_on_a_bad_day(*, now: datetime) -> None:
    """Staff write to a few people through a gateway that is not well: each text meets another fate."""
    writer = User.objects.get(username="fah")
    people = list(_reachable()[10 : 10 + len(_SENT) + 2])
    began = now - timedelta(hours=6)
    fates: dict[str, Outcome] = {}
    for number, (customer, (body, fate)) in enumerate(zip(people, _SENT, strict=False)):
        _write(customer, body, writer, f"demo-{number}", began)
        fates[str(customer.phone)] = fate
    for minutes in _ROUNDS:
        _carry(fates, now=began + timedelta(minutes=minutes))
    back, still_open = people[-2:]
    cancel.cancel_message(_write(back, _TAKEN_BACK, writer, "demo-back", now), now=now)
    _write(still_open, _STILL_OPEN, writer, "demo-open", now)
    _carry({str(still_open.phone): Uncertain("no answer within 10 s")}, now=now)
    channels.close_circuit(ChannelSettings.objects.select_related("flow").get(channel=Channel.SMS))


def _carry(fates: Mapping[str, Outcome], *, now: datetime) -> None:
    """What is due goes out one by one, and what has waited long enough for a receipt is left to a person."""
    row = ChannelSettings.objects.select_related("flow").get(channel=Channel.SMS)
    row.provider = GATEWAY  # for these few; nothing of this is stored
    while (
        claim := claims.claim(channel=Channel.SMS, lane=Message.Lane.SERVICE, provider=GATEWAY, now=now, limit=1)
    ).messages:
        Delivery(row, _Moody(fates), claim, Rules.current(), clock=Clock(now)).run()
    reconcile.reconcile(now=now)


class _Moody:
    """A gateway that answers each number in its own way."""

    traits = Traits()

    def __init__(self, fates: Mapping[str, Outcome]) -> None:
        self._fates = fates

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return []

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        for parcel in parcels:
            yield parcel, self._fates.get(parcel.to, TAKEN)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {}

    def hear(self, call: Call, *, now: datetime) -> Heard:
        raise NoSuchDoor


def _write(customer: Customer, body: str, writer: User, once: str, now: datetime) -> Message:
    return texts.send_text(
        customer=customer, channel=Channel.SMS, topic="after_sales", body=body, actor=writer, once=once, now=now
    )


def _reachable() -> QuerySet[Customer]:
    """Who has a telephone and an email address, the oldest acquaintances first."""
    return Customer.objects.known().exclude(phone="").exclude(email="").order_by("pk")
