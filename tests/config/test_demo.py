"""The demo shop, made small."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from config.demo import broadcasts, install, shop, story
from crm.models import Customer, Event, Purchase, ReplayRun, Ticket, Touchpoint, User
from journeys.models import Enrolment, Flow, Position, StepVisit
from messaging.broadcasts import launch
from messaging.models import Broadcast, ChannelSettings, Click, InboundMessage, Message

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def test_the_story_is_the_same_every_time() -> None:
    first, second = story.told(NOW, people=40), story.told(NOW, people=40)
    assert first == second
    assert len({happening.person.key for happening in first.happenings}) == 40
    assert first.happenings[0].at < NOW.replace(month=8)
    assert all(happening.at <= NOW for happening in first.happenings)


def waits_by_product(step: str) -> set[str]:
    """How waits at this step ended, of those that did not end from outside."""
    return set(StepVisit.objects.filter(step=step).exclude(outcome="left").values_list("outcome", flat=True))


def assert_there_is_post_of_every_kind() -> None:
    states = set(Message.objects.values_list("state", flat=True))
    assert states >= {"delivered", "sent", "failed", "dead", "unknown", "unknown_final", "withheld", "cancelled"}
    reasons = set(Message.objects.filter(state__in=["failed", "dead"]).values_list("reason", flat=True))
    assert reasons == {"blocked", "unknown_address", "refused", "too_many_attempts"}

    harvest = Broadcast.objects.get(name=broadcasts.HARVEST)
    assert (harvest.state, harvest.winner_decided_by) == ("done", None)
    assert harvest.winner in (1, 2)  # lots are drawn, and by each text somebody is reached
    assert Message.objects.filter(recipient__broadcast=harvest, clicked_at__isnull=False).exists()
    assert Message.objects.filter(recipient__broadcast=harvest, cost_micros__gt=0).exists()
    assert set(Click.objects.values_list("bot_because", flat=True)) == {"", "user agent"}
    others = Broadcast.objects.exclude(pk=harvest.pk).values_list("name", "state")
    assert set(others) == {("Cold brew weekend", "draft"), ("Opening hours", "paused"), ("Loy Krathong", "scheduled")}
    weekend = Broadcast.objects.get(name=broadcasts.WEEKEND)
    assert weekend.awaits_approval
    assert weekend.approval_asked_by == User.objects.get(username="ploy")
    hours = Message.objects.filter(recipient__broadcast__name=broadcasts.HOURS)
    assert {("delivered", ""), ("queued", "paused")} <= set(hours.values_list("state", "reason"))

    readings = InboundMessage.objects.order_by("pk").values_list("channel", "reading")
    assert list(readings) == [
        ("email", "message"), ("sms", "message"), ("sms", "unclear"), ("sms", "stop"), ("line", "followed"),
        ("line", "message"),
    ]  # fmt: skip
    letter = InboundMessage.objects.get(channel="email")
    turn = letter.ticket.messages.get()
    assert turn.body.endswith("Could you send another?")
    assert turn.quoted.startswith("On Thu, Nov 19")
    assert [(file.name, file.content_type) for file in turn.attachments.all()] == [("broken-cup.png", "image/png")]


@pytest.mark.django_db
def test_a_lively_shop_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ALONE", 20)  # of thirty people
    assert install.install(now=NOW, progress=silent, people=30)

    assert Customer.objects.known().count() >= 25
    assert Flow.objects.filter(state=Flow.State.LIVE).count() == 7
    assert {user.username for user in User.objects.all()} == {username for username, *_ in shop.STAFF}
    assert User.objects.get(username="demo").check_password(install.PASSWORD)
    kinds = Counter(Event.objects.values_list("name", flat=True))
    for name in ("Touchpoint Visited", "Enquiry Opened", "Order Completed", "Order Delivered", "Message Delivered"):
        assert kinds[name] > 0, name
    assert Position.objects.filter(stage__isnull=False).count() >= 50
    assert Enrolment.objects.exists()
    assert set(ChannelSettings.objects.values_list("provider", flat=True)) == {"sandbox"}
    assert waits_by_product("settle") == {"waited"}
    assert waits_by_product("runs-out") == {"waited", "no_date"}
    for rows in (Purchase.objects, Ticket.objects, Touchpoint.objects, Message.objects):
        assert rows.exists()
    assert Event.objects.filter(occurred_at__gt=NOW).count() == 0
    assert_there_is_post_of_every_kind()

    before = (Event.objects.count(), Message.objects.count())
    assert not install.install(now=NOW.replace(day=22), progress=silent, people=30)
    assert (Event.objects.count(), Message.objects.count()) == before
    assert ReplayRun.objects.get().finished_at == NOW
