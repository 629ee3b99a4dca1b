from __future__ import annotations

import pytest

from crm.models import Customer, Event
from crm.services import tickets
from journeys.flows import enrolment, runner
from journeys.models import Flow, Journey, Position
from journeys.stages import health
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import live_flow
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def healths(customer: Customer) -> dict[str, str]:
    return dict(Position.objects.filter(customer=customer).values_list("journey__slug", "health"))


def test_health_follows_the_days_since_the_last_sign_of_life_by_each_journeys_measure(customer: Customer) -> None:
    Journey.objects.filter(slug="usage-loop").update(at_risk_after=10, lapsed_after=20)
    happens(customer, "Page Viewed", day(1))
    assert health.assess_all(now=day(10.9)) == 0
    assert health.assess_all(now=day(11)) == 1
    assert healths(customer) == {"five-stage": "active", "usage-loop": "at_risk"}
    assert health.assess_all(now=day(21)) == 1
    assert healths(customer) == {"five-stage": "active", "usage-loop": "lapsed"}
    assert health.assess_all(now=day(121)) == 1
    assert healths(customer) == {"five-stage": "lapsed", "usage-loop": "lapsed"}
    assert health.assess_all(now=day(121)) == 0


def test_who_was_never_heard_of_counts_from_when_we_knew_them(customer: Customer) -> None:
    Customer.objects.update(last_seen_at=None)
    assert health.assess_all(now=day(60)) == 2
    assert set(healths(customer).values()) == {"at_risk"}


def test_a_sign_of_life_makes_a_lapsed_customer_active_at_once(customer: Customer) -> None:
    health.assess_all(now=day(130))
    happens(customer, "Page Viewed", day(131))
    assert set(healths(customer).values()) == {"active"}


def test_what_we_did_ourselves_is_no_sign_of_life(customer: Customer) -> None:
    health.assess_all(now=day(130))
    happens(customer, "Order Shipped", day(131))
    assert set(healths(customer).values()) == {"lapsed"}


def test_a_ticket_that_a_flow_opened_is_no_sign_of_life(customer: Customer) -> None:
    live_flow({"id": "look", "type": "ticket", "kind": "after_sales", "subject": "Look after them"})
    health.assess_all(now=day(130))
    seen = Customer.objects.values_list("last_seen_at", flat=True)
    before = seen.get()
    enrolment.enrol_by_hand(Flow.objects.get(), [customer], now=day(131))
    runner.run_due(now=day(131), limit=10)
    opened = Event.objects.get(name="Ticket Opened")
    assert opened.properties["cause"] == f"flow:{Flow.objects.get().slug}"
    assert set(healths(customer).values()) == {"lapsed"}
    assert seen.get() == before


def test_a_ticket_the_customer_asked_for_is_one(customer: Customer) -> None:
    health.assess_all(now=day(130))
    tickets.open_ticket(customer=customer, subject="Help", kind="after_sales", now=day(131), source="web")
    assert "cause" not in Event.objects.get(name="Ticket Opened").properties
    assert set(healths(customer).values()) == {"active"}


def test_a_late_sign_of_life_that_is_old_itself_changes_nothing(customer: Customer) -> None:
    health.assess_all(now=day(130))
    happens(customer, "Page Viewed", day(5), known=day(131))
    assert set(healths(customer).values()) == {"lapsed"}


def test_a_change_of_health_is_a_fact_dated_when_the_measure_was_passed(customer: Customer) -> None:
    health.assess_all(now=day(61))
    fact = Event.objects.get(name="Health Changed", properties__journey="five-stage")
    assert (fact.occurred_at, fact.received_at) == (day(60), day(61))
    assert fact.properties == {"journey": "five-stage", "from": "active", "to": "at_risk"}


def test_a_flow_wins_back_who_has_just_lapsed_and_not_who_lapsed_long_ago() -> None:
    where = [
        {"property": "journey", "op": "eq", "value": "five-stage"},
        {"property": "to", "op": "eq", "value": "lapsed"},
    ]
    live_flow(trigger={"event": "Health Changed", "where": where})
    fresh, stale = CustomerFactory.create(created_at=day(0)), CustomerFactory.create(created_at=day(-30))
    Customer.objects.update(last_seen_at=None)
    health.assess_all(now=day(121))
    assert run_of(fresh).entered_at == day(120)
    assert not stale.enrolments.exists()
    assert set(healths(stale).values()) == {"lapsed"}


def test_the_nightly_run_works_in_batches_and_passes_by_who_was_merged_away(monkeypatch: pytest.MonkeyPatch) -> None:
    people = CustomerFactory.create_batch(7)
    Customer.objects.filter(pk=people[0].pk).update(merged_into=people[1])
    monkeypatch.setattr(health, "BATCH", 3)
    assert health.assess_all(now=NOON.replace(year=2027)) == 12
    assert set(healths(people[0]).values()) == {"active"}
