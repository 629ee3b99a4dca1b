"""What providers answer, and what becomes of the message."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from messaging.channels.base import (
    Accepted,
    Parcel,
    PermanentFailure,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.models import Message, Suppression
from tests.factories.messaging import opt_in, states
from tests.messaging.fakes import FakeProvider
from tests.messaging.outbox.sending import DAY, facts, message, promotion, send

pytestmark = pytest.mark.django_db


class TestAnswers:
    def answered(self, fake: type[FakeProvider], *answers: Any) -> tuple[Message, dict[str, int]]:
        fake.answers = list(answers)
        sent = message()
        counts = send()
        sent.refresh_from_db()
        return sent, counts

    def test_accepted(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, Accepted("SM123"))
        assert counts == {"sent": 1}
        assert (sent.state, sent.provider_reference, sent.lease_until) == ("sent", "SM123", None)
        assert facts(sent.customer) == ["Message Sent"]

    def test_refused_for_now_it_is_tried_again_after_a_while(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, TemporaryFailure("queue full"))
        assert counts == {"queued": 1}
        assert (sent.state, sent.reason, sent.detail, sent.attempts) == ("queued", "temporary", "queue full", 1)
        assert timedelta(seconds=15) <= sent.due_at - DAY <= timedelta(seconds=45)
        assert sent.wire_at is None
        assert facts(sent.customer) == []

    def test_the_provider_may_name_the_time(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, TemporaryFailure("busy", retry_after=timedelta(minutes=7)))
        assert sent.due_at == DAY + timedelta(minutes=7)

    def test_the_waits_grow_and_end(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, *[TemporaryFailure("busy")] * 20)
        waits = [sent.due_at - DAY]
        while sent.state == "queued":
            now = sent.due_at
            send(now)
            sent.refresh_from_db()
            waits.append(sent.due_at - now)
        assert (sent.state, sent.reason, sent.attempts) == ("dead", "too_many_attempts", 8)
        assert len(fake.calls) == 8
        assert max(waits) <= timedelta(minutes=90)
        assert waits[5] > waits[0]
        assert facts(sent.customer) == ["Message Failed"]

    def test_it_is_not_tried_beyond_its_usefulness(self, fake: type[FakeProvider]) -> None:
        fake.answers = [TemporaryFailure("busy")] * 20
        sent = message(expires_at=DAY + timedelta(seconds=10))
        send()
        assert send(DAY + timedelta(minutes=2)) == {"withheld": 1}
        sent.refresh_from_db()
        assert (sent.reason, len(fake.calls)) == ("expired", 1)

    def test_refused_for_good_it_has_failed(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, PermanentFailure("forbidden words"))
        assert counts == {"failed": 1}
        assert (sent.state, sent.reason, sent.detail, sent.ended_at) == ("failed", "refused", "forbidden words", DAY)
        assert facts(sent.customer) == ["Message Failed"]
        assert not Suppression.objects.exists()

    def test_a_number_that_does_not_exist_is_not_written_to_again(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, PermanentFailure("21211", reason=Reason.UNKNOWN_ADDRESS))
        assert (sent.state, sent.reason) == ("failed", "unknown_address")
        message(customer=sent.customer)
        assert send() == {"withheld": 1}

    def test_a_number_that_blocks_adverts_still_gets_service_messages(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, PermanentFailure("blocked", reason=Reason.BLOCKED))
        opt_in(sent.customer, "promotions")
        promotion(sent.customer)
        message(customer=sent.customer)
        assert send() == {"withheld": 1, "sent": 1}

    def test_a_lost_answer_is_unclear_and_not_sent_again(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, Uncertain("timeout"))
        assert counts == {"unknown": 1}
        assert (sent.state, sent.reason, sent.unknown_at, sent.wire_at) == ("unknown", "no_answer", DAY, DAY)
        assert send(DAY + timedelta(hours=1)) == {}
        assert len(fake.calls) == 1

    def test_a_provider_that_breaks_off_leaves_the_rest_unclear_or_in_line(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, in_flight=2)

        def explode(parcel: Parcel) -> Any:
            raise RuntimeError("a bug in a provider")

        fake.answers = [Accepted("1"), explode]
        for _ in range(4):
            message()
        assert send() == {"sent": 1, "unknown": 1}
        assert states() == ["sent", "unknown", "queued", "queued"]
