"""What `manage.py audit` says of messages: of a ledger that is as it should be, and of each that is not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from crm.lib import audits
from crm.lib.audits import Case, Report, Verdict
from crm.lib.ledgers import InvalidLedger, Ledger
from crm.models import ConsentEvent, Customer, CustomerMerge, Heartbeat
from messaging.models import Attempt, ChannelSettings, Message, ProviderState, Suppression
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, topic

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def worker() -> None:
    Heartbeat.objects.create(name="worker:shop:1", beat_at=LATER - timedelta(seconds=10))


def report(code: str, **case: Any) -> Report:
    (found,) = (report for report in audits.audit(Case(now=LATER, **case)) if report.code == code)
    return found


def said(found: Report) -> tuple[Verdict, list[tuple[str, int]]]:
    return found.verdict, [(breach.message, breach.count) for breach in found.breaches]


def books_of(folder: Path, accepted: Sequence[Message]) -> dict[str, Ledger]:
    """A provider that has accepted these, in this order."""
    path = folder / "accepted.jsonl"
    entry = {"to": "+66812345678", "at": NOON, "reference": "fake-1"}
    path.write_bytes(b"".join(orjson.dumps({"key": message.key, **entry}) + b"\n" for message in accepted))
    return {"accepted": Ledger(path)}


def sent(number: int, person: Customer | None = None, *, at: datetime = NOON, **fields: Any) -> Message:
    """A message that went out at `at`, by one call."""
    message: Message = MessageFactory(
        public_id=UUID(int=number), customer=person or CustomerFactory(), state="sent", provider="http_sms",
        queued_at=NOON - timedelta(minutes=1), wire_at=at, sent_at=at, cleared_at=at, **fields,
    )  # fmt: skip
    attempt(message, at)
    return message


def attempt(message: Message, at: datetime, outcome: str = "accepted") -> Attempt:
    token = f"{message.tries.count()}"
    return Attempt.objects.create(message=message, token=token, provider="http_sms", started_at=at, outcome=outcome)


# --- A provider's ledger --------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["I3", "I6", "I8"])
def test_without_the_books_of_the_provider_nothing_is_said_of_them(code: str) -> None:
    found = report(code)
    assert (found.verdict, found.note) == (
        Verdict.NOT_LOOKED_AT, "needs the ledger of what the provider accepted: --provider",
    )  # fmt: skip


def test_books_that_agree(tmp_path: Path) -> None:
    person = CustomerFactory()
    books = books_of(tmp_path, [sent(1, person), sent(2, person), sent(3)])
    for code in ("I3", "I6", "I8"):
        assert said(report(code, **books)) == (Verdict.HOLDS, [])
    assert report("I8", **books).note == "3 messages accepted, 3 calls, 0 of them killed in flight"


def test_a_message_that_was_accepted_twice(tmp_path: Path) -> None:
    first, second = sent(1), sent(2)
    attempt(first, NOON)
    found = report("I3", **books_of(tmp_path, [first, second, first]))
    assert said(found) == (Verdict.BROKEN, [("messages were accepted more than once", 1)])
    (row,) = found.breaches[0].rows
    assert (UUID(str(row.pop("message"))), row) == (UUID(int=1), {"accepted": 2, "line": 1, "again": 3})


def test_a_message_that_was_overtaken(tmp_path: Path) -> None:
    person = CustomerFactory()
    first, second = sent(1, person), sent(2, person)
    found = report("I6", **books_of(tmp_path, [second, first]))
    assert said(found) == (Verdict.BROKEN, [("messages were overtaken in their customer's line", 1)])
    (row,) = found.breaches[0].rows
    assert (UUID(str(row["message"])), UUID(str(row["overtaken_by"]))) == (UUID(int=1), UUID(int=2))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": 0}, {"priority": 5}),
        ({"planned_at": NOON + timedelta(minutes=5)}, {}),
        ({"lane": 0}, {"lane": 1}),
        ({"channel": "email"}, {"channel": "sms"}),
    ],
    ids=["a higher priority goes first", "it was not wanted yet", "another lane", "another channel"],
)
def test_what_may_go_before_an_older_message(tmp_path: Path, first: Any, second: Any) -> None:
    person = CustomerFactory()
    older, newer = sent(1, person, **first), sent(2, person, **second)
    assert said(report("I6", **books_of(tmp_path, [newer, older]))) == (Verdict.HOLDS, [])


def test_what_the_provider_has_and_we_have_not(tmp_path: Path) -> None:
    known, unwritten = sent(1), sent(2)
    Attempt.objects.filter(message=unwritten).delete()
    strange = Message(public_id=UUID(int=9))
    found = report("I8", **books_of(tmp_path, [known, unwritten, strange]))
    assert said(found) == (
        Verdict.BROKEN,
        [
            ("the provider accepted messages that we have no row of", 1),
            ("the provider was called, and nobody wrote it down", 1),
        ],
    )


def test_what_we_call_sent_and_the_provider_has_not(tmp_path: Path) -> None:
    accepted, lost = sent(1), sent(2)
    sent(3, at=NOON - timedelta(days=1))  # before its books begin
    sent(4, detail="sent: Somchai")  # somebody said so
    sent(5, channel="email")
    Message.objects.filter(public_id=UUID(int=5)).update(provider="smtp")
    found = report("I8", **books_of(tmp_path, [accepted]))
    assert said(found) == (Verdict.BROKEN, [("messages are called sent, and were not accepted", 1)])
    assert UUID(str(found.breaches[0].rows[0]["message"])) == lost.public_id


def test_empty_books_prove_nothing_unless_somebody_says_from_when_they_are_kept(tmp_path: Path) -> None:
    sent(1)
    assert report("I8", **books_of(tmp_path, [])).verdict == Verdict.NOT_LOOKED_AT
    assert said(report("I3", **books_of(tmp_path, []))) == (Verdict.HOLDS, [])


def test_a_line_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_text('{"key": "x", "at": "2026-03-04T05:00:00+00:00"}\n')
    with pytest.raises(InvalidLedger, match="line 1: ValueError"):
        report("I3", accepted=Ledger(path))


# --- Stuck ----------------------------------------------------------------------------------------


def test_without_a_worker_nobody_can_say_that_something_is_late() -> None:
    MessageFactory(queued_at=NOON)
    found = report("I4")
    assert (found.verdict, found.note) == (
        Verdict.NOT_LOOKED_AT, "no worker has given a sign of life in the last 90 seconds",
    )  # fmt: skip


@pytest.mark.usefixtures("worker")
def test_what_is_late_and_what_hangs() -> None:
    late = MessageFactory(queued_at=NOON)
    MessageFactory(queued_at=NOON, customer=late.customer)  # behind it
    MessageFactory(queued_at=LATER - timedelta(minutes=15))
    MessageFactory(state="sending", lease_until=LATER - timedelta(seconds=61))
    MessageFactory(state="sending", lease_until=LATER - timedelta(seconds=60))
    found = report("I4")
    assert said(found) == (
        Verdict.BROKEN,
        [("messages are overdue by more than 15 minutes", 1), ("messages hang in a lease that ended", 1)],
    )
    assert found.breaches[0].rows == [{"message": late.public_id, "due_at": NOON}]
    assert found.note == "5 messages on their way"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("why", ["off", "open", "paused"])
def test_on_a_channel_that_cannot_send_nothing_is_late(why: str) -> None:
    MessageFactory(queued_at=NOON)
    channel = ChannelSettings.objects.get(channel="sms")
    if why == "off":
        ChannelSettings.objects.update(is_on=False)
    else:
        state = {"breaker": "open"} if why == "open" else {"paused_until": LATER + timedelta(minutes=1)}
        ProviderState.objects.create(channel=channel, **state)
    assert said(report("I4")) == (Verdict.HOLDS, [])


# --- Wishes ---------------------------------------------------------------------------------------


def suppress(message: Message, since: datetime, **fields: Any) -> None:
    Suppression.objects.create(
        channel=message.channel, address_hash=message.address_hash, since=since,
        **{"scope": "all", "cause": "stop", **fields},
    )  # fmt: skip


def test_an_attempt_after_the_address_was_suppressed() -> None:
    message = sent(1)
    suppress(message, NOON - timedelta(minutes=1))
    found = report("I5")
    assert said(found) == (Verdict.BROKEN, [("attempts began after the address was suppressed", 1)])
    assert found.breaches[0].rows[0]["attempt"] == message.tries.get().pk
    assert said(report("I5", since=NOON + timedelta(seconds=1))) == (Verdict.HOLDS, [])


@pytest.mark.parametrize(
    ("message", "suppression"),
    [
        ({}, {"since": NOON}),
        ({}, {"since": NOON + timedelta(minutes=1)}),
        ({}, {"lifted_at": NOON - timedelta(seconds=30)}),
        ({}, {"scope": "marketing"}),
        ({"is_answer": True}, {}),
    ],
    ids=["at that very moment", "afterwards", "lifted before", "only for marketing", "the answer to STOP"],
)
def test_what_a_suppression_does_not_forbid(message: Any, suppression: Any) -> None:
    suppress(sent(1, **message), **{"since": NOON - timedelta(minutes=1), **suppression})
    assert said(report("I5")) == (Verdict.HOLDS, [])


def say(person: Customer, state: str, minutes: float) -> None:
    at = NOON + timedelta(minutes=minutes)
    ConsentEvent.objects.create(
        customer=person, channel="sms", topic=topic("promotions"), state=state, via="form", occurred_at=at,
        recorded_at=at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wishes", "count"),
    [
        ([("in", -9), ("out", -1)], 1),
        ([("out", -9), ("in", -1)], 0),
        ([("in", -9), ("out", 1)], 0),
        ([("out", 0)], 0),
        ([], 0),
    ],
)
def test_an_attempt_counts_by_what_was_wished_when_it_began(wishes: list[tuple[str, float]], count: int) -> None:
    message = sent(1, topic=topic("promotions"))
    for state, minutes in wishes:
        say(message.customer, state, minutes)
    assert sum(breach.count for breach in report("I5").breaches) == count


# --- Caps -----------------------------------------------------------------------------------------


def promote(person: Customer, hours: list[float], *, limit: int | None = None) -> None:
    for hour in hours:
        caps = [] if limit is None else [{"per": "day", "limit": limit, "sent": 0}]
        MessageFactory(
            customer=person, topic=topic("promotions"), state="sent", cleared_at=NOON + timedelta(hours=hour),
            decision={"verdict": "send", "inputs": {"caps": caps}},
        )  # fmt: skip


def test_a_day_is_the_customers_own() -> None:
    # NOON is UTC: in Bangkok the day ends five hours later, on Kiritimati ten hours before.
    promote(CustomerFactory(time_zone="Asia/Bangkok"), [0, 1, 6], limit=2)
    assert said(report("I7")) == (Verdict.HOLDS, [])
    person = CustomerFactory(time_zone="Pacific/Kiritimati")
    promote(person, [0, 1, 6], limit=2)
    found = report("I7")
    assert said(found) == (Verdict.BROKEN, [("more marketing messages in a day than allowed", 1)])
    local = (NOON.astimezone(UTC) + timedelta(hours=14)).date().isoformat()
    assert found.breaches[0].rows == [{"customer": person.pk, "from": local, "messages": 3, "allowed": 2}]


def test_what_was_allowed_when_it_was_sent_is_no_breach() -> None:
    promote(CustomerFactory(), [0, 0.5, 1], limit=5)
    promote(CustomerFactory(), [0, 0.5, 1])
    assert said(report("I7")) == (Verdict.HOLDS, [])


def test_what_another_record_got_before_the_two_became_one_was_counted_there() -> None:
    survivor, loser = CustomerFactory(), CustomerFactory()
    promote(survivor, [0, 0.5, 1], limit=2)
    CustomerMerge.objects.create(survivor=survivor, loser=loser, reason="same", merged_at=LATER)
    assert said(report("I7")) == (Verdict.HOLDS, [])


def test_a_week_begins_on_monday_and_has_a_cap_of_its_own() -> None:
    person = CustomerFactory(time_zone="Asia/Bangkok")
    for day in (-1, 0, 3, 6, 7):  # NOON is a Monday's
        MessageFactory(
            customer=person, topic=topic("promotions"), state="delivered", cleared_at=NOON + timedelta(days=day),
            decision={"verdict": "send", "inputs": {"caps": [{"per": "day", "limit": 9}, {"per": "week", "limit": 2}]}},
        )  # fmt: skip
    found = report("I7")
    assert said(found) == (Verdict.BROKEN, [("more marketing messages in a week than allowed", 1)])
    assert found.breaches[0].rows == [{"customer": person.pk, "from": "2026-03-02", "messages": 3, "allowed": 2}]


def test_what_did_not_go_out_does_not_count() -> None:
    person = CustomerFactory()
    promote(person, [0, 0.5, 1], limit=2)
    Message.objects.filter(pk=Message.objects.latest("pk").pk).update(state="failed")
    assert said(report("I7")) == (Verdict.HOLDS, [])
