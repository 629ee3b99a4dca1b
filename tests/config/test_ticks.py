"""One round of all due work, in the foreground."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from config import ticks
from config.management.commands import tick as command
from crm.models import Customer, Event, Segment
from journeys.flows import intake
from journeys.models import Enrolment, Flow, Health, Intake
from journeys.stages import replaying, rulebook
from tests.factories.crm import CustomerFactory, PurchaseFactory
from tests.factories.journeys import EnrolmentFactory, PositionFactory, live_flow

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NOTHING = {
    "reactions": 0,
    "late": 0,
    "segments": 0,
    "steps": 0,
    "broadcasts": 0,
    "reconciled": 0,
    "heard": 0,
    "messages": 0,
    "calls": 0,
    "judged": 0,
}


@pytest.mark.django_db
def test_with_nothing_due_nothing_is_done():
    assert ticks.tick(NOW) == NOTHING


@pytest.mark.django_db
def test_a_promise_that_broke_is_noticed_once():
    purchase = PurchaseFactory(placed_at=NOW - timedelta(days=9), promised_at=NOW - timedelta(hours=1))

    first, second = ticks.tick(NOW), ticks.tick(NOW)

    assert first["late"] == 1
    assert second["late"] == 0
    assert list(Event.objects.filter(name="Order Late").values_list("customer", "occurred_at")) == [
        (purchase.customer_id, purchase.promised_at)
    ]


def test_the_nights_of_a_shop_follow_its_own_clock():
    zone = ZoneInfo("America/Sao_Paulo")  # UTC-3 until 15 October 2017, UTC-2 after it

    nights = list(
        ticks.nights(datetime(2017, 10, 13, 6, 0, tzinfo=UTC), datetime(2017, 10, 16, 5, 0, tzinfo=UTC), zone)
    )

    assert nights == [
        datetime(2017, 10, 14, 6, 0, tzinfo=UTC),
        datetime(2017, 10, 15, 5, 0, tzinfo=UTC),
        datetime(2017, 10, 16, 5, 0, tzinfo=UTC),
    ]


@pytest.mark.django_db
def test_at_night_who_fell_silent_is_at_risk():
    position = PositionFactory(health=Health.ACTIVE)
    Customer.objects.update(last_seen_at=NOW - timedelta(days=position.journey.at_risk_after))

    ticks.work_at_night(NOW)

    position.refresh_from_db()
    assert position.health == Health.AT_RISK
    assert ticks.work_at_night(NOW) == {"health": 0, "segments": 0}


@pytest.fixture
def rounds(monkeypatch) -> list[datetime]:
    """The times at which rounds were asked for; the first two find work."""
    asked: list[datetime] = []

    def tick(now: datetime) -> dict[str, int]:
        asked.append(now)
        return {**NOTHING, "steps": 3} if len(asked) < 3 else NOTHING

    monkeypatch.setattr(command, "tick", tick)
    return asked


def run(**options) -> str:
    out = io.StringIO()
    call_command("tick", stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_does_one_round(rounds):
    assert run() == (
        "reactions 0, late 0, segments 0, steps 3, broadcasts 0, reconciled 0, heard 0, messages 0, calls 0, judged 0\n"
    )
    assert len(rounds) == 1


@pytest.mark.django_db
def test_until_idle_goes_on_until_a_round_finds_nothing(rounds):
    assert run(until_idle=True) == (
        "reactions 0, late 0, segments 0, steps 6, broadcasts 0, reconciled 0, heard 0, messages 0, calls 0, judged 0\n"
    )
    assert len(rounds) == 3


def test_in_development_it_may_pretend_another_time(rounds, settings):
    settings.DEBUG = True

    run(now="2026-11-21T09:00:00+07:00", until_idle=True)

    assert rounds == [datetime(2026, 11, 21, 2, 0, tzinfo=UTC)] * 3


def test_in_production_it_may_not(rounds):
    with pytest.raises(CommandError, match=r"^--now would send real messages at a made-up time; it needs DEBUG=1\.$"):
        run(now="2026-11-21T09:00:00+07:00")

    assert rounds == []


@pytest.mark.parametrize("text", ["soon", "2026-11-21T09:00:00", "2026-13-21T09:00:00Z", "2026-11-21"])
def test_a_time_that_is_none_or_has_no_offset_is_refused(rounds, settings, text):
    settings.DEBUG = True

    with pytest.raises(CommandError, match=rf"^--now: '{text}'"):
        run(now=text)

    assert rounds == []


@pytest.mark.django_db
def test_a_journey_somebody_asked_to_judge_anew_is_gone_on_with_batch_by_batch(monkeypatch):
    monkeypatch.setattr(replaying, "BATCH", 2)
    CustomerFactory.create_batch(3)
    run = replaying.begin(rulebook.current()[0], now=NOW)

    assert ticks.next_due_at() == NOW
    judged = [ticks.tick(NOW + timedelta(seconds=second))["judged"] for second in range(3)]

    assert judged == [2, 1, 0]
    run.refresh_from_db()
    assert (run.position, run.finished_at) == (Customer.objects.latest("pk").pk, NOW + timedelta(seconds=2))
    assert ticks.next_due_at() is None


@pytest.mark.django_db
def test_under_a_clock_that_stands_before_somebody_asked_nothing_is_judged():
    CustomerFactory.create()
    replaying.begin(rulebook.current()[0], now=NOW)

    assert ticks.tick(NOW - timedelta(days=1)) == NOTHING
    assert replaying.under_way().exists()


# --- when to look again -----------------------------------------------------------------------


@pytest.mark.django_db
def test_with_nothing_waiting_nothing_falls_due():
    live_flow()

    assert ticks.next_due_at() is None


@pytest.mark.django_db
def test_a_step_that_waits_falls_due_unless_its_flow_is_paused():
    run = EnrolmentFactory(due_at=NOW + timedelta(days=1))
    assert ticks.next_due_at() == NOW + timedelta(days=1)

    Enrolment.objects.filter(pk=run.pk).update(is_paused=True)
    assert ticks.next_due_at() is None


@pytest.mark.django_db
def test_what_a_backlog_holds_back_falls_due_when_it_is_let_go():
    run = EnrolmentFactory(due_at=NOW - timedelta(days=3))
    Enrolment.objects.filter(pk=run.pk).update(is_paused=True, release_at=NOW + timedelta(minutes=7))

    assert ticks.next_due_at() == NOW + timedelta(minutes=7)

    ticks.tick(NOW + timedelta(minutes=7))
    run.refresh_from_db()
    assert (run.is_paused, run.release_at, run.step) == (False, None, "pause")


@pytest.mark.django_db
def test_people_who_are_still_to_be_let_in_are_due_at_once():
    flow = live_flow()
    intake.begin(flow.live_version, Intake.Kind.BACKFILL, at=NOW)
    assert ticks.next_due_at() == NOW

    ticks.tick(NOW)
    assert ticks.next_due_at() is None


@pytest.mark.django_db
def test_a_schedule_falls_due_at_its_next_time_on_the_shops_clock():
    Segment.objects.create(slug="regulars", name="Regulars", rule={"all": []})
    live_flow(trigger={"schedule": {"cron": "0 9 * * mon", "segment": "regulars"}})
    Flow.objects.update(looked_at=NOW)

    assert ticks.next_due_at() == datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday at nine in Bangkok

    ticks.tick(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    assert ticks.next_due_at() == datetime(2026, 11, 30, 2, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_a_birthday_falls_due_at_nine_where_the_customer_lives():
    live_flow(trigger={"date": {"attribute": "birthday"}})
    Flow.objects.update(looked_at=NOW)
    CustomerFactory(birthday="1990-11-22", time_zone="Europe/Berlin")
    CustomerFactory(birthday="1990-11-22")  # in Bangkok, the shop's own

    assert ticks.next_due_at() == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    ticks.tick(datetime(2026, 11, 22, 2, 0, tzinfo=UTC))
    assert ticks.next_due_at() == datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    assert Enrolment.objects.count() == 1


@pytest.mark.django_db
def test_without_a_birthday_the_calendar_is_looked_at_again_a_day_later():
    live_flow(trigger={"date": {"attribute": "birthday"}})
    Flow.objects.update(looked_at=NOW)
    CustomerFactory(birthday="1990-11-24")

    assert ticks.next_due_at() == NOW + timedelta(days=1)


@pytest.mark.django_db
def test_a_clock_moved_from_one_due_time_to_the_next_misses_nobodys_day():
    live_flow(trigger={"date": {"attribute": "birthday"}})
    Flow.objects.update(looked_at=NOW)
    people = [
        CustomerFactory(birthday=f"1990-{month:02}-{day:02}", time_zone=zone)
        for month, day, zone in [(11, 22, ""), (11, 25, "Asia/Kathmandu"), (12, 31, "Pacific/Apia"), (1, 1, "UTC")]
    ]

    while (due := ticks.next_due_at()) <= datetime(2027, 1, 2, tzinfo=UTC):
        ticks.tick(due)

    assert dict(Enrolment.objects.values_list("customer", "entered_at")) == {
        people[0].pk: datetime(2026, 11, 22, 2, 0, tzinfo=UTC),
        people[1].pk: datetime(2026, 11, 25, 3, 15, tzinfo=UTC),
        people[2].pk: datetime(2026, 12, 30, 20, 0, tzinfo=UTC),
        people[3].pk: datetime(2027, 1, 1, 9, 0, tzinfo=UTC),
    }
