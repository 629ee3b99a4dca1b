"""After a restore: what may have gone out is put in question and settled, and nothing goes out twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.models import Event
from messaging.channels.base import Repeat
from messaging.models import Message, Restoration
from messaging.outbox import recovery, restores
from messaging.outbox.holding import NEVER
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.outbox.reconcile import resolve_unclear
from messaging.outbox.recovery import NotHeld
from messaging.outbox.restores import ImpossibleTime
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BACKUP, NOTICED = NOON, NOON + 3 * HOUR


@pytest.fixture
def held(fake: type[FakeProvider]) -> Restoration:
    """Restored from a backup of NOON, three hours later."""
    return restores.tell(backup_at=BACKUP, now=NOTICED)


def recover(now: datetime = NOTICED + MINUTE, **said: Any) -> Restoration:
    recovery.ask_to_reconcile(actor_name="a test", now=now, **said)
    for _round in range(50):
        recovery.go_on(now=now)
        if (row := Restoration.objects.get()).ended_at:
            return row
    raise AssertionError("it does not end")


def fate(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return message.state, message.reason


def sent_after(now: datetime = NOTICED + HOUR) -> list[str]:
    """The keys that go out once sending goes on."""
    FakeProvider.calls = []
    send_due(now=now, limit=100)
    return [parcel.key for parcel in FakeProvider.calls]


def can(repeat: Repeat, key_life: timedelta = timedelta(hours=24)) -> None:
    FakeProvider.traits = replace(FakeProvider.traits, repeat=repeat, key_life=key_life)


def waiting(**values: Any) -> Message:
    """In the backup, in line, and due in the time that is lost."""
    message: Message = MessageFactory(queued_at=BACKUP - MINUTE, **{"due_at": BACKUP + HOUR, **values})
    return message


class TestWhatTheBackupHolds:
    def test_what_nobody_can_be_asked_about_is_left_to_a_person(self, held: Restoration) -> None:
        message = waiting()
        row = recover()
        assert fate(message) == ("unknown_final", "restored")
        assert row.verdict == "reconciled"
        assert row.counts == {"unknown": 1, "settled_unknown_final": 1}
        assert sent_after() == []

    def test_what_the_provider_has_is_sent_and_the_rest_goes_out(self, held: Restoration) -> None:
        can(Repeat.LOOKUP)
        has, has_not = waiting(), waiting()
        FakeProvider.known = {has.key: "SM1"}
        recover()
        assert fate(has) == ("sent", "")
        assert (has.provider_reference, has.sent_at) == ("SM1", BACKUP)
        assert fate(has_not) == ("queued", "")
        assert sent_after() == [has_not.key]
        assert [event.name for event in Event.objects.filter(name="Message Sent")] == ["Message Sent"] * 2

    def test_what_can_be_repeated_under_its_key_is(self, held: Restoration) -> None:
        can(Repeat.KEY)
        message = waiting()
        recover()
        assert fate(message)[0] == "queued"
        assert sent_after() == [message.key]

    def test_not_once_the_provider_may_have_forgotten_the_key(self, held: Restoration) -> None:
        can(Repeat.KEY, key_life=2 * HOUR)
        message = waiting()
        recover()
        assert fate(message) == ("unknown_final", "restored")

    def test_nor_when_the_line_was_longer_than_the_key_lives(self, held: Restoration) -> None:
        can(Repeat.KEY, key_life=4 * HOUR)
        message = waiting(planned_at=BACKUP, due_at=BACKUP)
        recover()
        assert fate(message)[0] == "queued"
        assert sent_after(BACKUP + 5 * HOUR) == []
        assert fate(message) == ("unknown_final", "expired")

    def test_what_was_not_due_then_simply_waits(self, held: Restoration) -> None:
        message = waiting(due_at=NOTICED + MINUTE, planned_at=NOTICED + MINUTE)
        recover()
        assert fate(message) == ("queued", "")
        assert sent_after() == [message.key]

    def test_so_does_what_was_due_after_the_last_worker_had_stopped(self, held: Restoration) -> None:
        before, after = waiting(due_at=BACKUP + MINUTE), waiting(due_at=BACKUP + HOUR)
        recover(until=BACKUP + 30 * MINUTE)
        assert (fate(before)[0], fate(after)[0]) == ("unknown_final", "queued")
        assert sent_after() == [after.key]

    def test_what_a_paused_broadcast_holds_back_may_have_been_let_go(self, held: Restoration) -> None:
        can(Repeat.LOOKUP)
        out, still = (waiting(due_at=NEVER, planned_at=NEVER, reason="paused") for _ in range(2))
        FakeProvider.known = {out.key: "SM1"}
        recover()
        assert fate(out) == ("sent", "")
        assert (*fate(still), still.due_at) == ("queued", "paused", NEVER)
        assert sent_after() == []

    def test_what_a_worker_had_in_hand_waits_for_its_lease_and_is_asked_about(self, held: Restoration) -> None:
        message = waiting(
            state="sending", provider="fake", lease_token="gone", lease_until=BACKUP + MINUTE, attempts=1,
        )  # fmt: skip
        recover()
        assert fate(message) == ("unknown_final", "restored")
        assert sent_after() == []

    def test_it_counts_under_the_caps(self, held: Restoration) -> None:
        message = waiting()
        recover()
        message.refresh_from_db()
        assert (message.cleared_at, message.wire_at) == (BACKUP, BACKUP)

    def test_a_person_decides_as_about_anything_unclear(self, held: Restoration) -> None:
        sent, again = waiting(), waiting()
        recover()
        for message, verdict in ((sent, "sent"), (again, "again")):
            resolve_unclear(message, verdict=verdict, actor=UserFactory(), now=NOTICED + HOUR)
        assert sent_after() == [again.key]
        assert fate(sent) == ("sent", "")


def ask(*, meant_at: datetime | None, kind: str = "flow", now: datetime = NOTICED + MINUTE) -> Message:
    """Something is written anew, after the restore."""
    request = MessageRequest(
        customer_id=CustomerFactory().pk, channel="sms", topic="order_updates", body="Hello", cause={"kind": kind},
        dedupe_key=f"{kind}:{meant_at}:{now}", meant_at=meant_at,
    )  # fmt: skip
    return queue_messages([request], now=now)[0]


class TestWhatIsWrittenAnew:
    @pytest.mark.parametrize("repeat", Repeat)
    def test_for_the_lost_time_it_is_left_to_a_person_whatever_the_provider_can(
        self, held: Restoration, repeat: Repeat
    ) -> None:
        can(repeat)
        message = ask(meant_at=BACKUP + HOUR)
        assert fate(message)[0] == "queued"
        recover(now=NOTICED + 2 * MINUTE)
        assert fate(message) == ("unknown_final", "restored")
        assert sent_after() == []

    def test_so_it_is_when_the_cause_is_told_after_the_hold(self, held: Restoration) -> None:
        recover()
        message = ask(meant_at=BACKUP + HOUR, now=NOTICED + HOUR)
        assert fate(message) == ("unknown_final", "restored")
        assert (message.planned_at, message.ended_at) == (BACKUP + HOUR, NOTICED + HOUR)
        assert sent_after(NOTICED + 2 * HOUR) == []
        assert not Event.objects.filter(name__startswith="Message").exists()

    def test_a_step_that_was_due_just_before_the_backup_may_have_been_taken_behind_it(self, held: Restoration) -> None:
        recover()
        assert ask(meant_at=BACKUP - 10 * MINUTE, now=NOTICED + HOUR).state == "unknown_final"
        assert ask(meant_at=BACKUP - 2 * HOUR, now=NOTICED + HOUR).state == "queued"

    def test_what_is_meant_for_later_goes_out(self, held: Restoration) -> None:
        message = ask(meant_at=NOTICED + MINUTE)
        recover(now=NOTICED + 2 * MINUTE)
        assert sent_after() == [message.key]

    def test_what_a_person_writes_meanwhile_goes_out(self, held: Restoration) -> None:
        message = ask(meant_at=None, kind="staff")
        recover(now=NOTICED + 2 * MINUTE)
        assert sent_after() == [message.key]

    def test_what_was_written_before_anybody_noticed_is_left_to_a_person(self, held: Restoration) -> None:
        can(Repeat.LOOKUP)
        message = ask(meant_at=None, now=NOTICED - MINUTE)
        recover()
        assert fate(message) == ("unknown_final", "restored")

    def test_a_false_alarm_puts_nothing_in_question(self, held: Restoration) -> None:
        old, new = waiting(), ask(meant_at=BACKUP + HOUR)
        row = recovery.call_false_alarm(remark="a failover", actor_name="Ann", now=NOTICED + 2 * MINUTE)
        assert (row.verdict, row.remark, row.asked_as, row.ended_at) == (
            "false_alarm", "a failover", "Ann", NOTICED + 2 * MINUTE,
        )  # fmt: skip
        assert sent_after() == [old.key, new.key]
        assert ask(meant_at=BACKUP + HOUR, now=NOTICED + HOUR).state == "queued"


class TestTheWay:
    def test_nothing_is_done_before_a_person_asks(self, held: Restoration) -> None:
        message = waiting()
        assert recovery.go_on(now=NOTICED + HOUR) == 0
        assert fate(message) == ("queued", "")
        assert sent_after() == []

    def test_it_goes_in_batches_and_on_where_a_killed_worker_left(
        self, held: Restoration, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "AT_ONCE", 2)
        messages = [waiting() for _ in range(5)]
        recovery.ask_to_reconcile(actor_name="a test", now=NOTICED)
        recovery.go_on(now=NOTICED)
        assert [fate(message)[0] for message in messages] == ["unknown"] * 2 + ["queued"] * 3
        assert recover().counts == {"unknown": 5, "settled_unknown_final": 5}

    def test_what_it_has_put_back_in_line_it_does_not_ask_about_again(self, held: Restoration) -> None:
        can(Repeat.LOOKUP)
        waiting(crashes=1)
        assert recover().counts == {"unknown": 1, "settled_queued": 1}

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"since": NOTICED + HOUR}, "Neither time can lie ahead."),
            ({"since": BACKUP + HOUR, "until": BACKUP}, "The backup was made before the last worker stopped."),
        ],
    )
    def test_times_that_cannot_be_are_refused(self, held: Restoration, said: dict[str, datetime], why: str) -> None:
        with pytest.raises(ImpossibleTime, match=why):
            recovery.ask_to_reconcile(actor_name="", now=NOTICED, **said)

    @pytest.mark.parametrize(
        "decide",
        [
            lambda: recovery.ask_to_reconcile(actor_name="", now=NOTICED),
            lambda: recovery.call_false_alarm(remark="", actor_name="", now=NOTICED),
        ],
    )
    def test_where_nothing_was_restored_there_is_nothing_to_decide(
        self, fake: type[FakeProvider], decide: Callable[[], object]
    ) -> None:
        with pytest.raises(NotHeld):
            decide()

    def test_a_false_alarm_comes_too_late_once_it_is_under_way(self, held: Restoration) -> None:
        recovery.ask_to_reconcile(actor_name="", now=NOTICED)
        with pytest.raises(NotHeld):
            recovery.call_false_alarm(remark="", actor_name="", now=NOTICED)
