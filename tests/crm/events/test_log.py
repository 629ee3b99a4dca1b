"""The log: once each, in order, and a broken reaction never refuses a fact."""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from crm.events import log
from crm.events.signals import events_recorded
from crm.events.types import EventDraft
from crm.models import Customer, Event, FailedReaction, Tag
from tests.factories.crm import NOON, CustomerFactory, later

pytestmark = pytest.mark.django_db


@pytest.fixture
def only() -> Iterator[dict[str, Any]]:
    """The receivers of the test alone."""
    kept = dict(events_recorded.receivers)
    events_recorded.receivers.clear()
    yield events_recorded.receivers
    events_recorded.receivers.clear()
    events_recorded.receivers.update(kept)


def draft(customer: Customer, key: str, at: datetime = NOON, name: str = "Product Viewed") -> EventDraft:
    return EventDraft(name=name, customer_id=customer.pk, occurred_at=at, dedupe_key=key, source="web")


def test_a_fact_is_stored_with_both_clocks(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()

    [event] = log.record_many([draft(customer, "a")], now=later(hours=5))

    event.refresh_from_db()
    assert (event.occurred_at, event.received_at) == (NOON, later(hours=5))


def test_the_same_fact_again_is_stored_once_and_nobody_reacts_twice(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()
    heard: list[list[str]] = []
    events_recorded.connect(lambda events, **_: heard.append([e.dedupe_key for e in events]), dispatch_uid="t")

    log.record_many([draft(customer, "a"), draft(customer, "a")], now=NOON)
    again = log.record_many([draft(customer, "a"), draft(customer, "b")], now=NOON)

    assert [event.dedupe_key for event in again] == ["b"]
    assert heard == [["a"], ["b"]]


def test_a_receiver_hears_only_what_it_asked_for_and_costs_nothing_else(
    only: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    customer = CustomerFactory.create()
    heard: list[list[str]] = []
    events_recorded.connect(
        lambda events, **_: heard.append([e.name for e in events]), dispatch_uid="t", only=lambda: {"Order Delivered"}
    )

    log.record_many([draft(customer, "a"), draft(customer, "b", name="Order Delivered")], now=NOON)
    with django_assert_num_queries(2):  # no savepoint for somebody who does not listen
        log.record_many([draft(customer, "c", later(days=1))], now=NOON)

    assert heard == [["Order Delivered"]]
    events_recorded.disconnect(dispatch_uid="t")


def test_a_receiver_that_cannot_say_what_it_listens_to_refuses_no_fact(only: dict[str, Any]) -> None:
    def broken() -> set[str]:
        raise LookupError("no names")

    customer = CustomerFactory.create()
    events_recorded.connect(lambda **_: None, dispatch_uid="t", only=broken)

    log.record_many([draft(customer, "a")], now=NOON)

    assert FailedReaction.objects.get().error == "LookupError: no names"
    events_recorded.disconnect(dispatch_uid="t")


def test_the_same_key_from_another_source_is_another_fact(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()
    one = draft(customer, "a")
    other = EventDraft("Product Viewed", customer.pk, NOON, "a", source="app")

    assert len(log.record_many([one, other], now=NOON)) == 2


def test_a_receiver_that_raises_loses_its_work_but_not_the_fact(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()

    def broken(events: list[Event], **_: Any) -> None:
        Tag.objects.create(name="half done")
        raise ZeroDivisionError("no")

    def sound(events: list[Event], **_: Any) -> None:
        Tag.objects.create(name="done")

    events_recorded.connect(broken, dispatch_uid="broken")
    events_recorded.connect(sound, dispatch_uid="sound")

    [event] = log.record_many([draft(customer, "a")], now=NOON)

    assert Event.objects.filter(pk=event.pk).exists()
    assert list(Tag.objects.values_list("name", flat=True)) == ["done"]
    failed = FailedReaction.objects.get()
    assert (failed.event, failed.receiver, failed.error) == (event, "broken", "ZeroDivisionError: no")


def test_one_poison_event_holds_nobody_else(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()

    def picky(events: list[Event], **_: Any) -> None:
        for event in events:
            if event.dedupe_key == "poison":
                raise ValueError(event.dedupe_key)
            Tag.objects.create(name=event.dedupe_key)

    events_recorded.connect(picky, dispatch_uid="picky")

    log.record_many([draft(customer, key) for key in ("a", "poison", "b")], now=NOON)

    assert set(Tag.objects.values_list("name", flat=True)) == {"a", "b"}
    assert FailedReaction.objects.get().event.dedupe_key == "poison"


def test_a_failed_reaction_is_tried_again_later_and_later_until_it_succeeds(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()
    mood = {"raise": True}

    def moody(events: list[Event], **_: Any) -> None:
        if mood["raise"]:
            raise RuntimeError

    events_recorded.connect(moody, dispatch_uid="moody")
    log.record_many([draft(customer, "a")], now=NOON)

    assert log.retry_reactions(now=later(seconds=59), limit=10) == 0
    assert FailedReaction.objects.get().attempts == 1, "not due yet"
    assert log.retry_reactions(now=later(minutes=1), limit=10) == 0
    failed = FailedReaction.objects.get()
    assert (failed.attempts, failed.retry_at) == (2, later(minutes=11))

    mood["raise"] = False
    assert log.retry_reactions(now=later(minutes=11), limit=10) == 1
    assert not FailedReaction.objects.open().exists()
    assert log.retry_reactions(now=later(days=9), limit=10) == 0


def test_a_receiver_that_is_gone_owes_nothing(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()
    events_recorded.connect(lambda **_: 1 / 0, dispatch_uid="gone")
    log.record_many([draft(customer, "a")], now=NOON)
    events_recorded.disconnect(dispatch_uid="gone")

    assert log.retry_reactions(now=later(minutes=1), limit=10) == 1


def test_the_last_sign_of_life_moves_forward_only(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()

    log.record_many([draft(customer, "a", later(days=2))], now=later(days=3))
    log.record_many([draft(customer, "b", later(days=1))], now=later(days=3))
    log.record_many([draft(customer, "c", later(days=3), name="Order Delivered")], now=later(days=3))

    customer.refresh_from_db()
    assert customer.last_seen_at == later(days=2), "what is late or not their doing does not count"


@pytest.mark.parametrize("n", [1, 50])
def test_a_batch_costs_the_same_queries_whatever_its_size(
    n: int, only: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    customer = CustomerFactory.create()
    with django_assert_num_queries(2):  # insert, and last_seen_at
        log.record_many([draft(customer, str(key), later(seconds=key + 1)) for key in range(n)], now=later(days=1))


def test_a_timedelta_of_retries_ends_at_a_day() -> None:
    assert log.RETRY_DELAYS[-1] == timedelta(days=1)


def test_gathered_facts_are_reacted_to_once_at_the_end(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()
    heard: list[list[str]] = []
    events_recorded.connect(lambda events, **_: heard.append([e.dedupe_key for e in events]), dispatch_uid="t")

    with log.gathered(now=NOON):
        log.record_many([draft(customer, "a")], now=NOON)
        with log.gathered(now=NOON):
            log.record_many([draft(customer, "b")], now=NOON)
        assert heard == []

    assert heard == [["a", "b"]]


def test_gathered_facts_that_were_taken_back_are_reacted_to_by_nobody(only: dict[str, Any]) -> None:
    customer = CustomerFactory.create()
    heard: list[list[str]] = []
    events_recorded.connect(lambda events, **_: heard.append([e.dedupe_key for e in events]), dispatch_uid="t")

    def fail(key: str) -> None:
        log.record_many([draft(customer, key)], now=NOON)
        raise ZeroDivisionError

    with log.gathered(now=NOON):
        log.record_many([draft(customer, "a")], now=NOON)
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            fail("b")
    with contextlib.suppress(ZeroDivisionError), log.gathered(now=NOON):
        fail("c")

    assert heard == [["a"]]
    assert list(Event.objects.filter(source="web").values_list("dedupe_key", flat=True)) == ["a"]
