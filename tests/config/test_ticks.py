"""One round of all due work, in the foreground."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from config import ticks
from config.management.commands import tick as command
from crm.models import Customer, Event
from journeys.models import Health
from tests.factories.crm import PurchaseFactory
from tests.factories.journeys import PositionFactory

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NOTHING = {"reactions": 0, "late": 0, "segments": 0, "steps": 0, "reconciled": 0, "messages": 0, "calls": 0}


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


def test_the_command_does_one_round(rounds):
    assert run() == "reactions 0, late 0, segments 0, steps 3, reconciled 0, messages 0, calls 0\n"
    assert len(rounds) == 1


def test_until_idle_goes_on_until_a_round_finds_nothing(rounds):
    assert run(until_idle=True) == "reactions 0, late 0, segments 0, steps 6, reconciled 0, messages 0, calls 0\n"
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
