"""The button, the second person, and everything that stops a broadcast or lets it go on."""

from collections import Counter
from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Segment, User
from messaging.broadcasts import drafts, launch, settling, work
from messaging.broadcasts.drafts import InvalidBroadcast, WrongState
from messaging.broadcasts.launch import Answer, NotAllowed
from messaging.broadcasts.uses import uses_of_segment
from messaging.channels.reasons import Reason
from messaging.models import Broadcast, ChannelSettings, Message
from messaging.outbox import claims
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later
from tests.factories.messaging import MessageFactory, make_broadcast, make_people
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

State = Broadcast.State


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch):
    monkeypatch.setattr(launch, "ALONE", 3)


@pytest.fixture
def marketer() -> User:
    return UserFactory(role=User.Role.MARKETER)


@pytest.fixture
def manager() -> User:
    return UserFactory(role=User.Role.MANAGER)


def states() -> Counter[tuple[str, str]]:
    return Counter(Message.objects.values_list("state", "reason"))


# --- The second person ----------------------------------------------------------------------------


def test_a_marketer_sends_to_a_few_by_themselves(marketer):
    make_people(3)
    broadcast = make_broadcast()

    pressed = launch.send_broadcast(broadcast, actor=marketer, now=NOON)

    assert pressed == launch.Pressed(Answer.SCHEDULED, 3)
    run_and_send(NOON)
    assert Message.objects.count() == 3


def test_a_marketer_asks_before_writing_to_many(marketer):
    make_people(4)
    broadcast = make_broadcast()

    pressed = launch.send_broadcast(broadcast, actor=marketer, now=NOON)

    assert pressed == launch.Pressed(Answer.ASKED, 4)
    run(later(hours=1))
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.awaits_approval) == (State.DRAFT, True)
    assert Message.objects.count() == 0


def test_so_does_a_program():
    make_people(4)

    assert launch.send_broadcast(make_broadcast(), actor=None, now=NOON).answer == Answer.ASKED


def test_a_manager_needs_nobody(manager):
    make_people(4)

    assert launch.send_broadcast(make_broadcast(), actor=manager, now=NOON).answer == Answer.SCHEDULED


def test_with_approval_it_goes_out(marketer, manager):
    make_people(4)
    broadcast = make_broadcast()
    launch.send_broadcast(broadcast, actor=marketer, now=NOON)

    launch.approve_broadcast(broadcast, actor=manager, now=later(hours=1))

    run_and_send(later(hours=1))
    broadcast.refresh_from_db()
    assert (broadcast.approved_by, broadcast.sent_by, broadcast.state) == (manager, marketer, State.DONE)
    assert Message.objects.count() == 4


def test_nobody_approves_their_own(marketer, manager):
    make_people(4)
    broadcast = make_broadcast()
    launch.send_broadcast(broadcast, actor=marketer, now=NOON)
    marketer.role = User.Role.MANAGER  # promoted since
    marketer.save()

    with pytest.raises(NotAllowed, match="second person"):
        launch.approve_broadcast(broadcast, actor=marketer, now=NOON)


def test_nor_what_they_wrote_last(marketer, manager):
    make_people(4)
    broadcast = make_broadcast(updated_by=manager)
    launch.send_broadcast(broadcast, actor=marketer, now=NOON)

    with pytest.raises(NotAllowed, match="second person"):
        launch.approve_broadcast(broadcast, actor=manager, now=NOON)


def test_a_marketer_approves_nothing(marketer):
    make_people(4)
    broadcast = make_broadcast()
    launch.send_broadcast(broadcast, actor=UserFactory(role=User.Role.MARKETER), now=NOON)

    with pytest.raises(NotAllowed, match="may not approve"):
        launch.approve_broadcast(broadcast, actor=marketer, now=NOON)


def test_an_audience_that_grew_past_what_one_may_decide_alone_stops_before_the_first_message(marketer, manager):
    make_people(3)
    broadcast = make_broadcast(timing="at", starts_at=later(hours=1))
    launch.send_broadcast(broadcast, actor=marketer, now=NOON)
    CustomerFactory()

    run(later(hours=1))

    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.halt) == (State.PAUSED, Broadcast.Halt.TOO_MANY)
    assert Message.objects.count() == 0
    with pytest.raises(NotAllowed):
        launch.resume_broadcast(broadcast, actor=marketer, now=later(hours=1))
    launch.resume_broadcast(broadcast, actor=manager, now=later(hours=1))
    run_and_send(later(hours=1))
    assert Message.objects.count() == 4


# --- What stands in the way -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"timing": "at"}, "starts_at"),
        ({"timing": "at", "starts_at": NOON}, "starts_at"),
        ({"timing": "local"}, "local_date"),
        ({"timing": "local", "local_date": date(2026, 2, 27), "local_time": time(9)}, "local_date"),
        ({"test_share": 20}, "test_share"),
        ({"rule": {"segment": "gone"}}, "rule.segment"),
        ({"fallback": ["line"]}, "channel"),
    ],
)
def test_it_is_refused_with_the_reason(fields, path):
    ChannelSettings.objects.filter(channel="line").delete()
    with pytest.raises(InvalidBroadcast) as refused:
        launch.send_broadcast(make_broadcast(**fields), actor=UserFactory(), now=NOON)

    assert [fault.path for fault in refused.value.faults] == [path]


def test_a_text_that_counts_on_a_flow_is_refused():
    with pytest.raises(InvalidBroadcast, match=r"variants\.0\.body: “event\.order_id”"):
        launch.send_broadcast(make_broadcast("Order {{ event.order_id }}"), actor=UserFactory(), now=NOON)


def test_a_template_without_anything_published_is_refused():
    broadcast = make_broadcast("")
    broadcast.variants.update(template="spring", body="")

    with pytest.raises(InvalidBroadcast, match=r"variants\.0\.template"):
        launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)


def test_it_is_sent_once():
    make_people(1)
    broadcast = make_broadcast()
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)

    with pytest.raises(WrongState):
        launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)


def test_before_it_starts_it_can_be_made_a_draft_again():
    make_people(1)
    broadcast = make_broadcast(timing="at", starts_at=later(hours=1))
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)

    launch.recall_broadcast(broadcast, now=NOON)

    run(later(hours=2))
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.sent_by) == (State.DRAFT, None)
    assert Message.objects.count() == 0


# --- Pause, go on, cancel -----------------------------------------------------------------------------


@pytest.fixture
def queued() -> Broadcast:
    """Under way: six messages on the ledger, none of them sent."""
    make_people(6)
    broadcast = make_broadcast()
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    return broadcast


def test_a_pause_holds_what_is_queued_and_nothing_is_lost(queued):
    launch.pause_broadcast(queued, now=NOON)

    assert send_due(now=later(days=2), limit=100).total() == 0
    assert states() == {("queued", Reason.PAUSED): 6}


def test_a_pause_takes_from_a_worker_what_it_has_not_begun_to_send(queued):
    claim = claims.claim(channel="sms", lane=0, provider="sandbox", now=NOON, limit=100)
    assert len(claim.messages) == 6
    on_the_wire = claim.messages[0]
    Message.objects.filter(pk=on_the_wire.pk).update(wire_at=NOON)

    launch.pause_broadcast(queued, now=NOON)

    assert states() == {("queued", Reason.PAUSED): 5, ("sending", ""): 1}
    assert set(Message.objects.exclude(pk=on_the_wire.pk).values_list("attempts", "lease_token")) == {(0, "")}


def test_what_a_provider_gives_back_during_the_pause_is_held_by_the_worker(queued):
    late = Message.objects.earliest("pk")
    Message.objects.filter(pk=late.pk).update(state="sending", wire_at=NOON)
    launch.pause_broadcast(queued, now=NOON)
    Message.objects.filter(pk=late.pk).update(state="queued", wire_at=None)

    work.work_due(now=NOON)

    assert states() == {("queued", Reason.PAUSED): 6}


def test_a_paused_message_stands_in_nobodys_way(queued):
    someone = queued.recipients.earliest("pk").customer
    launch.pause_broadcast(queued, now=NOON)
    MessageFactory(customer=someone)

    assert send_due(now=later(minutes=1), limit=10)["delivered"] == 1


def test_no_further_message_is_queued_while_it_is_paused():
    make_people(3)
    broadcast = make_broadcast(per_minute=1)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run_and_send(NOON)
    launch.pause_broadcast(broadcast, now=NOON)

    run_and_send(later(hours=1))

    assert Message.objects.filter(state="delivered").count() == 1
    assert broadcast.recipients.filter(state="waiting").count() == 1


def test_it_goes_on_where_it_stopped(queued):
    launch.pause_broadcast(queued, now=NOON)

    launch.resume_broadcast(queued, actor=None, now=later(hours=1))
    run_and_send(later(hours=1))

    queued.refresh_from_db()
    assert states() == {("delivered", ""): 6}
    assert (queued.state, queued.is_settling) == (State.DONE, False)


def test_what_is_let_go_keeps_to_the_limit_a_minute():
    make_people(3)
    broadcast = make_broadcast(per_minute=3)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    launch.pause_broadcast(broadcast, now=NOON)

    launch.resume_broadcast(broadcast, actor=None, now=later(hours=1))

    due = list(Message.objects.order_by("due_at").values_list("due_at", flat=True))
    assert due == [later(hours=1, seconds=20 * place) for place in range(3)]


def test_a_resume_that_is_killed_half_way_is_ended_by_the_worker(queued, monkeypatch):
    launch.pause_broadcast(queued, now=NOON)
    with monkeypatch.context() as patch:
        patch.setattr(launch, "settle", broken)
        with pytest.raises(RuntimeError):
            launch.resume_broadcast(queued, actor=None, now=NOON)
    assert states() == {("queued", Reason.PAUSED): 6}

    run_and_send(NOON)

    assert states() == {("delivered", ""): 6}


def test_one_that_was_paused_before_its_time_is_scheduled_again():
    broadcast = make_broadcast(timing="at", starts_at=later(hours=1))
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    launch.pause_broadcast(broadcast, now=NOON)
    run(later(hours=2))

    resumed = launch.resume_broadcast(broadcast, actor=None, now=later(hours=2))

    assert resumed.state == State.SCHEDULED


def test_cancelling_ends_what_waits_and_writes_to_nobody_else():
    make_people(4)
    broadcast = make_broadcast(per_minute=2)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    send_due(now=NOON, limit=10)

    launch.cancel_broadcast(broadcast, now=later(seconds=10))

    run_and_send(later(hours=1))
    assert states() == {("delivered", ""): 1, ("cancelled", Reason.STOPPED): 1}
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.is_settling) == (State.CANCELLED, False)


def test_a_paused_one_can_be_cancelled(queued):
    launch.pause_broadcast(queued, now=NOON)

    launch.cancel_broadcast(queued, now=NOON)

    assert states() == {("cancelled", Reason.STOPPED): 6}


def test_what_comes_back_from_the_wire_after_cancelling_is_cancelled_too(queued):
    Message.objects.update(state="sending", wire_at=NOON)
    launch.cancel_broadcast(queued, now=NOON)
    assert states() == {("sending", ""): 6}
    Message.objects.update(state="queued", wire_at=None)

    run_and_send(later(minutes=1))

    assert states() == {("cancelled", Reason.STOPPED): 6}


def test_many_messages_are_held_in_batches(queued, monkeypatch):
    monkeypatch.setattr(settling, "BATCH", 2)

    with CaptureQueriesContext(connection) as queries:
        launch.pause_broadcast(queued, now=NOON)

    updates = [query for query in queries if query["sql"].startswith('UPDATE "messaging_message"')]
    assert len(updates) in (3, 4)
    assert states() == {("queued", Reason.PAUSED): 6}


@pytest.mark.parametrize("change", [launch.pause_broadcast, launch.cancel_broadcast])
def test_a_draft_and_what_is_over_cannot_be_stopped(change):
    with pytest.raises(WrongState):
        change(make_broadcast(), now=NOON)
    with pytest.raises(WrongState):
        change(make_broadcast(number=2, state=State.DONE), now=NOON)


def test_only_a_draft_is_thrown_away(queued):
    with pytest.raises(WrongState):
        launch.delete_broadcast(queued)
    draft = make_broadcast(number=2)

    launch.delete_broadcast(draft)

    assert not Broadcast.objects.filter(pk=draft.pk).exists()


def broken(*args, **kwargs):
    raise RuntimeError("killed")


def test_messages_too_late_after_a_pause_are_withheld(queued):
    launch.pause_broadcast(queued, now=NOON)
    launch.resume_broadcast(queued, actor=None, now=later(hours=25))

    run_and_send(NOON + timedelta(hours=25))

    assert states() == {("withheld", Reason.EXPIRED): 6}


def test_a_segment_in_use_by_a_broadcast_under_way_is_kept():
    Segment.objects.create(slug="thai", name="Thai", rule={})
    broadcast = make_broadcast(rule={"segment": "thai"})

    assert [use.name for use in uses_of_segment("thai")] == [broadcast.name]
    Broadcast.objects.update(state=State.DONE)
    assert uses_of_segment("thai") == []


# --- Two people at once ---------------------------------------------------------------------------------


def test_whoever_changes_one_field_undoes_nobody_elses_change():
    seen_by_both = make_broadcast(per_minute=5)
    drafts.change_broadcast(Broadcast.objects.get(), {"name": "Summer"}, actor=None, now=NOON)

    drafts.change_broadcast(seen_by_both, {"per_minute": 9}, actor=None, now=later(minutes=1))

    changed = Broadcast.objects.get()
    assert (changed.name, changed.per_minute) == ("Summer", 9)


def test_of_two_who_press_at_once_the_second_is_told(manager):
    seen_by_both = make_broadcast()
    make_people(1)
    launch.send_broadcast(Broadcast.objects.get(), actor=manager, now=NOON)

    with pytest.raises(WrongState):
        launch.send_broadcast(seen_by_both, actor=manager, now=NOON)
    with pytest.raises(WrongState):
        drafts.change_broadcast(seen_by_both, {"name": "Summer"}, actor=manager, now=NOON)

    run(NOON)
    assert Message.objects.count() == 1
