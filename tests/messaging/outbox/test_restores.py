"""A restored database is noticed before anything goes out of it, by whatever gives it away."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from crm.lib import witness
from messaging.models import Ledger, Message, Restoration
from messaging.outbox import claims, flow, restores
from messaging.outbox.restores import BEAT_EVERY, Fence
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, settings: Any) -> Path:
    """The file that watches over the ledger."""
    settings.WITNESS_FILE = str(tmp_path / "witness")
    return tmp_path / "witness"


def beat(times: int, *, begin: datetime = NOON) -> Ledger:
    for number in range(times):
        restores.beat(now=begin + number * BEAT_EVERY)
    return Ledger.objects.get()


def restore(backup: Ledger) -> None:
    """As pg_restore would: the row is again what it was."""
    Ledger.objects.all().delete()
    Ledger(**{field.attname: getattr(backup, field.attname) for field in Ledger._meta.fields}).save(force_insert=True)


def causes() -> list[str]:
    return list(Restoration.objects.values_list("cause", flat=True))


class TestBeats:
    def test_a_ledger_beats_and_is_seen_from_outside(self) -> None:
        ledger = beat(3)
        assert (ledger.beat, ledger.beat_at, ledger.is_witnessed) == (3, NOON + 2 * BEAT_EVERY, True)
        assert witness.recall() == {ledger.book.hex: witness.Sighting(3, NOON + 2 * BEAT_EVERY)}

    def test_many_workers_beat_no_faster(self) -> None:
        for _worker in range(5):
            restores.beat(now=NOON)
        assert Ledger.objects.get().beat == 1

    def test_each_ledger_that_begins_is_a_book_of_its_own(self) -> None:
        before = Ledger.objects.get().book
        assert beat(1).book != before

    def test_a_machine_that_only_looks_on_keeps_what_others_wrote(self, kept: Path) -> None:
        ledger = beat(2)
        kept.unlink()
        restores.beat(now=NOON + BEAT_EVERY)
        assert witness.recall() == {ledger.book.hex: witness.Sighting(2, NOON + BEAT_EVERY)} or (
            connection.vendor == "sqlite" and causes() == ["unwitnessed"]
        )

    def test_the_ledger_that_it_was_is_in_order_with_one_query(self, django_assert_num_queries: Any) -> None:
        ledger = beat(2)
        with django_assert_num_queries(1):
            assert restores.look(now=LATER) == Fence(ledger.book, 2)
        assert causes() == []


class TestNoticing:
    def test_a_ledger_behind_what_was_seen_of_it_is_held(self) -> None:
        backup = beat(3)
        beat(2, begin=LATER)
        restore(backup)
        assert restores.look(now=LATER + timedelta(hours=1)) is None
        found = Restoration.objects.get()
        assert (found.cause, found.noticed_at) == ("behind", LATER + timedelta(hours=1))
        assert (found.lost_from, found.lost_until) == (NOON + 2 * BEAT_EVERY, LATER + timedelta(hours=1))
        assert found.last_seen_at == LATER + BEAT_EVERY

    def test_it_is_noticed_once(self) -> None:
        backup = beat(1)
        beat(1, begin=LATER)
        restore(backup)
        for _worker in range(3):
            assert restores.look(now=LATER) is None
        assert causes() == ["behind"]

    def test_the_same_backup_restored_again_is_noticed_again(self) -> None:
        backup = beat(1)
        beat(1, begin=LATER)
        restore(backup)
        restores.look(now=LATER)
        Restoration.objects.update(ended_at=LATER)
        beat(1, begin=LATER + timedelta(hours=1))
        restore(backup)
        assert restores.look(now=LATER + timedelta(hours=2)) is None
        assert causes() == ["behind", "behind"]

    def test_a_worker_that_only_lags_is_no_alarm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        beat(1)
        seen = witness.recall

        def another_beats() -> dict[str, witness.Sighting]:
            found = seen()
            monkeypatch.setattr(witness, "recall", seen)
            beat(1, begin=LATER)
            return found

        monkeypatch.setattr(witness, "recall", another_beats)
        assert restores.look(now=LATER) is not None
        assert causes() == []

    def test_a_fresh_database_beside_the_file_of_a_deleted_one_is_no_alarm(self) -> None:
        beat(5)
        Ledger.objects.all().delete()
        assert restores.look(now=LATER) is not None
        assert beat(1, begin=LATER).beat == 1
        assert causes() == []

    @pytest.mark.skipif("connection.vendor != 'postgresql'")
    @pytest.mark.parametrize("part", ["database", "table", "system", "timeline"])
    def test_a_ledger_in_another_place_is_held(self, part: str) -> None:
        ledger = beat(1)
        assert ledger.identity.keys() == {"database", "table", "system", "timeline"}
        Ledger.objects.update(identity={**ledger.identity, part: "1"})
        assert restores.look(now=LATER) is None
        assert causes() == ["moved"]

    @pytest.mark.skipif("connection.vendor != 'postgresql'")
    def test_without_permission_what_is_left_must_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restores, "_may_call", lambda function: False)
        assert beat(2).identity.keys() == {"database", "table"}
        assert causes() == []

    @pytest.mark.skipif("connection.vendor != 'sqlite'")
    def test_a_file_copied_without_its_witness_is_held(self, kept: Path) -> None:
        beat(2)
        kept.unlink()
        assert restores.look(now=LATER) is None
        assert causes() == ["unwitnessed"]

    @pytest.mark.skipif("connection.vendor != 'postgresql'")
    def test_a_lost_file_is_no_alarm_where_the_server_tells_the_database(self, kept: Path) -> None:
        beat(2)
        kept.unlink()
        assert restores.look(now=LATER) is not None

    def test_a_place_that_cannot_be_written_is_said_once_and_stops_nobody(
        self, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(witness, "_failed_at", {})
        (tmp_path / "file").write_text("")
        settings.WITNESS_FILE = str(tmp_path / "file" / "witness")
        assert beat(3).is_witnessed is False
        assert restores.look(now=LATER) is not None
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_a_person_can_say_so(self) -> None:
        beat(1)
        found = restores.tell(backup_at=NOON, now=LATER)
        assert (found.cause, found.lost_from, found.lost_until) == ("told", NOON, LATER)
        assert restores.tell(backup_at=NOON, now=LATER) == found
        assert restores.look(now=LATER) is None

    def test_a_backup_of_tomorrow_cannot_be(self) -> None:
        with pytest.raises(restores.ImpossibleTime):
            restores.tell(backup_at=LATER, now=NOON)
        assert causes() == []


class TestHolding:
    def test_nothing_goes_out_of_a_restored_database(self, fake: type[FakeProvider]) -> None:
        backup = beat(1)
        beat(1, begin=LATER)
        message = MessageFactory()
        restore(backup)
        assert send_due(now=LATER, limit=10) == {}
        message.refresh_from_db()
        assert (message.state, message.attempts, fake.calls) == ("queued", 0, [])
        assert flow.open_channels() == []

    def test_a_claim_takes_nothing_while_it_is_held(self, fake: type[FakeProvider]) -> None:
        MessageFactory()
        restores.tell(backup_at=NOON, now=NOON)
        claim = claims.claim(channel="sms", lane=0, provider="fake", now=NOON, limit=10)
        assert claim.messages == []

    def test_a_batch_under_way_stops(self, fake: type[FakeProvider]) -> None:
        channel = flow.open_channels()[0]
        assert flow.may_go_on(channel, NOON)
        restores.tell(backup_at=NOON, now=NOON)
        assert not flow.may_go_on(channel, NOON)

    @pytest.mark.parametrize(
        ("book", "ahead", "taken"),
        [(lambda book: book, 0, 1), (lambda book: book, 1, 0), (lambda book: uuid.UUID(int=1), 0, 0)],
        ids=["the same", "an older copy", "another book"],
    )
    def test_a_claim_takes_nothing_of_a_copy_put_in_the_place_of_what_was_looked_at(
        self, fake: type[FakeProvider], book: Callable[[uuid.UUID], uuid.UUID], ahead: int, taken: int
    ) -> None:
        MessageFactory()
        ledger = beat(2)
        fence = Fence(book(ledger.book), ledger.beat + ahead)
        claim = claims.claim(channel="sms", lane=0, provider="fake", now=NOON, limit=10, fence=fence)
        assert len(claim.messages) == taken
        assert Message.objects.filter(state="sending").count() == taken
