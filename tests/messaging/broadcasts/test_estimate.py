"""What the estimate says beforehand is what happens afterwards."""

import random
from collections import Counter
from datetime import date, time
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.broadcasts import launch
from messaging.broadcasts.estimate import SAMPLE, _Sample, estimate, show
from messaging.channels.reasons import Reason
from messaging.models import BroadcastVariant, FrequencyCap, Message, Price, QuietHours, Suppression
from messaging.models.suppression import hash_address
from messaging.outbox.addresses import suppress
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory, later
from tests.factories.messaging import MessageFactory, make_broadcast, make_people, opt_in, topic
from tests.messaging.broadcasts.conftest import run_and_send

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd() -> None:
    """One of each reason, and two who can be reached."""
    people = make_people(8)
    fine, other, suppressed, out, complaining, capped, silent, nowhere = people
    for person in (fine, other, suppressed, complaining, capped, nowhere):
        opt_in(person, "promotions")
    out.consents.create(channel="sms", topic=topic("promotions"), state="out", since=NOON)
    Suppression.objects.create(
        channel="sms", address_hash=hash_address("sms", str(suppressed.phone)), scope="all", cause="stop", since=NOON
    )
    TicketFactory(customer=complaining, is_complaint=True)
    FrequencyCap.objects.all().delete()
    FrequencyCap.objects.create(per="day", limit=1)
    MessageFactory(customer=capped, topic=topic("promotions"), state="sent", cleared_at=NOON)
    MessageFactory(customer=fine, topic=topic("promotions"), state="sent", cleared_at=later(days=-3))
    nowhere.phone = ""
    nowhere.save()
    CustomerFactory(erased_at=NOON)
    assert silent.consents.count() == 0


@pytest.mark.usefixtures("crowd")
def test_everybody_who_would_get_nothing_is_counted_under_the_reason():
    found = estimate(make_broadcast(topic=topic("promotions")), now=later(hours=-3))

    assert found.people == 8
    assert found.by_channel == {"sms": 2}
    assert found.excluded == {
        Reason.SUPPRESSED: 1, Reason.OPTED_OUT: 1, Reason.COMPLAINT: 1, Reason.CAPPED: 1, Reason.NO_CONSENT: 1,
        Reason.UNREACHABLE: 1,
    }  # fmt: skip


@pytest.mark.usefixtures("crowd")
def test_what_happens_is_what_the_estimate_said():
    now = later(hours=-3)  # the afternoon in Bangkok
    broadcast = make_broadcast(topic=topic("promotions"))
    found = estimate(broadcast, now=now)

    launch.send_broadcast(broadcast, actor=UserFactory(), now=now)
    run_and_send(now)

    messages = Message.objects.filter(recipient__broadcast=broadcast)
    assert messages.filter(state="delivered").count() == found.sendable
    assert Counter(messages.filter(state="withheld").values_list("reason", flat=True)) == found.excluded


ZONES = ("", "Asia/Bangkok", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "nowhere")
NUMBERS = ("+6681100%04d", "+4915112%06d", "+120255%05d", "+8190123%05d")


def generated(chance: random.Random, size: int = 60) -> None:
    """People of all kinds, and rules that stand in the way of some of them at any hour."""
    FrequencyCap.objects.all().delete()
    FrequencyCap.objects.create(per="day", limit=1)
    FrequencyCap.objects.create(per="week", limit=2)
    QuietHours.objects.all().delete()
    QuietHours.objects.create(channel="sms", starts=time(20), ends=time(9))
    QuietHours.objects.create(channel="sms", country="DE", starts=time(12), ends=time(15))
    QuietHours.objects.create(channel="email", starts=time(1), ends=time(5), marketing_only=False)
    for number in range(size):
        phone = chance.choice(NUMBERS) % number if chance.random() < 0.7 else ""
        person = CustomerFactory(
            public_id=UUID(int=0xE5 << 64 | number), phone=phone, time_zone=chance.choice(ZONES),
            email=f"person{number}@example.com" if chance.random() < 0.6 else "",
        )  # fmt: skip
        for channel in ("sms", "email"):
            if chance.random() < 0.8:
                state = chance.choice(("in", "in", "in", "out"))
                person.consents.create(channel=channel, topic=topic("promotions"), state=state, since=NOON)
        if chance.random() < 0.1:
            suppress("sms", phone, scope=chance.choice(("all", "marketing")), cause="stop", now=NOON)
        if chance.random() < 0.1:
            TicketFactory(customer=person, is_complaint=True)
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            at = later(hours=-chance.randint(0, 200))
            MessageFactory(customer=person, topic=topic("promotions"), state="sent", cleared_at=at)


@pytest.mark.parametrize("hour", [0, 3, 7, 11, 16, 20])
def test_at_any_hour_what_happens_to_anybody_is_what_the_estimate_said(hour):
    chance = random.Random(hour)
    generated(chance)
    now = later(hours=hour)
    broadcast = make_broadcast(topic=topic("promotions"), fallback=["email"], expires_after=chance.choice((2, 24)))
    BroadcastVariant.objects.update(subject="Spring")
    found = estimate(broadcast, now=now)

    launch.send_broadcast(broadcast, actor=UserFactory(), now=now)
    run_and_send(now)

    messages = Message.objects.filter(recipient__broadcast=broadcast)
    assert messages.filter(sent_at__isnull=False).count() == found.unhindered
    assert Counter(messages.filter(state="withheld").values_list("reason", flat=True)) == found.excluded
    assert Counter(messages.queued().values_list("due_at", flat=True)) == found.held
    assert set(messages.queued().values_list("reason", flat=True)) <= {Reason.QUIET_HOURS}
    stays = messages.exclude(state="withheld")
    assert Counter(stays.values_list("channel", flat=True)) == found.by_channel
    assert found.people == messages.count() == 60


def test_of_one_that_starts_later_the_hour_of_its_start_counts():
    (person,) = make_people(1)
    opt_in(person, "promotions")
    evening = later(hours=3)  # 22:00 in Bangkok
    broadcast = make_broadcast(topic=topic("promotions"), timing="at", starts_at=evening)

    found = estimate(broadcast, now=later(hours=-3))

    assert (found.unhindered, found.held) == (0, {later(hours=14): 1})


def test_when_everybodys_clock_shows_an_hour_outside_of_quiet_hours_nobody_waits():
    for name in ("Asia/Bangkok", "America/New_York"):
        opt_in(CustomerFactory(time_zone=name), "promotions")
    broadcast = make_broadcast(
        topic=topic("promotions"), timing="local", local_date=date(2026, 3, 4), local_time=time(10)
    )

    found = estimate(broadcast, now=later(hours=3))

    assert (found.unhindered, found.held) == (2, {})


def test_another_channel_takes_whom_the_first_does_not_reach():
    make_people(1)
    make_people_by_mail = CustomerFactory(phone="")
    assert make_people_by_mail.email

    found = estimate(make_broadcast(fallback=["email"]), now=NOON)

    assert found.by_channel == {"email": 1, "sms": 1}


def test_whoever_is_reached_on_which_channel_is_the_same_beforehand_and_afterwards() -> None:
    """Every state of a channel beside every state of the one that it falls back to."""
    states = ("nowhere", "silent", "in", "out", "in, suppressed", "in, no adverts")
    for first in states:
        for second in states:
            person = CustomerFactory()
            for channel, attribute, state in (("sms", "phone", first), ("email", "email", second)):
                address = str(getattr(person, attribute))
                if state == "nowhere":
                    setattr(person, attribute, "")
                elif state != "silent":
                    person.consents.create(
                        channel=channel, topic=topic("promotions"), state=state.partition(",")[0], since=NOON
                    )
                if state in ("in, suppressed", "in, no adverts"):
                    scope = "all" if state == "in, suppressed" else "marketing"
                    suppress(channel, address, scope=scope, cause="stop", now=NOON)
            person.save()
    now = later(hours=-3)  # the afternoon in Bangkok
    broadcast = make_broadcast(topic=topic("promotions"), fallback=["email"])
    BroadcastVariant.objects.update(subject="Spring")
    found = estimate(broadcast, now=now)

    launch.send_broadcast(broadcast, actor=UserFactory(), now=now)
    run_and_send(now)

    messages = Message.objects.filter(recipient__broadcast=broadcast)
    assert found.by_channel == {"email": 5, "sms": 6}
    assert Counter(messages.filter(sent_at__isnull=False).values_list("channel", flat=True)) == found.by_channel
    assert Counter(messages.filter(state="withheld").values_list("reason", flat=True)) == found.excluded
    assert found.people == 36 == messages.count()


def test_segments_and_cost_are_those_of_each_variant():
    Price.objects.update_or_create(channel="sms", country="", defaults={"micros": 500_000})
    make_people(20)
    broadcast = make_broadcast("Short", "x" * 161, weights=(1, 1))

    found = estimate(broadcast, now=NOON)

    one, two = found.variants
    assert (one.letter, two.letter, one.people + two.people) == ("A", "B", 20)
    assert (one.segments, two.segments) == (one.people, 2 * two.people)
    assert found.micros == (one.people + 2 * two.people) * 500_000


def test_the_rest_of_a_trial_is_counted_at_the_price_of_the_dearest():
    Price.objects.update_or_create(channel="sms", country="", defaults={"micros": 1})
    make_people(40)

    found = estimate(make_broadcast("Short", "x" * 161, test_share=50), now=NOON)

    rest = found.variants[-1]
    assert (rest.letter, rest.segments) == ("", 2 * rest.people)
    assert sum(variant.people for variant in found.variants) == 40


def test_texts_that_cannot_be_filled_in_are_reported():
    make_people(3)
    CustomerFactory(attributes={"shirt": "M"})

    (variant,) = estimate(make_broadcast("Your size: {{ customer.attributes.shirt }}"), now=NOON).variants

    assert (variant.failing, variant.fault) == (75, "missing variable: customer.attributes.shirt is undefined")


def test_it_asks_as_many_questions_for_many_as_for_few():
    broadcast = make_broadcast("One", "Two", topic=topic("promotions"), fallback=["email"])
    estimate(broadcast, now=NOON)  # what is remembered by the process is read once
    spent = []
    for people in (make_people(3), [CustomerFactory() for _ in range(60)]):
        opt_in(people[0], "promotions")
        with CaptureQueriesContext(connection) as queries:
            estimate(broadcast, now=NOON)
        spent.append(len(queries))

    assert spent[0] == spent[1] <= 25


def test_messages_are_shown_as_real_people_would_read_them():
    ann = CustomerFactory(name="Ann Lee")
    found = show(make_broadcast("Hello {{ customer.first_name }}"), UserFactory(), [ann.pk], now=NOON)

    assert [(shown.customer, shown.letter and shown.letter.body) for shown in found] == [(ann, "Hello Ann")]
    assert Message.objects.count() == 0


def test_a_sample_of_many_is_spread_over_all_of_them():
    sample = _Sample()
    for number in range(100_000):
        sample.add(number)

    assert SAMPLE // 2 <= len(sample.kept) <= SAMPLE
    assert sample.kept[0] == 0
    assert sample.kept[-1] >= 99_000
