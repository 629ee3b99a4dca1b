"""Judging a journey anew from the log."""

from __future__ import annotations

import json
from io import StringIO
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.events import log
from crm.models import Customer, Event, ReplayRun
from journeys import tasks
from journeys.models import Enrolment, Journey, Position, Stage, StageMove, StageRule
from journeys.stages import replaying, rulebook
from journeys.stages.moves import move_customers
from journeys.stages.recompute import preview, recompute
from journeys.stages.rulebook import Ruleset
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import StageFactory, StageRuleFactory, live_flow
from tests.journeys.happenings import day, happens, moves, run_of, stands, told

pytestmark = pytest.mark.django_db

NAMES = ("Product Viewed", "Product Added", "Order Completed", "Order Delivered", "Product Shared", "Session Started")


def rules_of(journey: str = "five-stage") -> Ruleset:
    return next(ruleset for ruleset in rulebook.current() if ruleset.journey.slug == journey)


def judge(*customers: Customer, journey: str = "five-stage", at: float = 200) -> int:
    return recompute(rules_of(journey), [customer.pk for customer in customers], now=day(at))


def run(journey: str = "five-stage") -> dict[str, Any]:
    out = StringIO()
    call_command("replay_journey", journey, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def everybody() -> list[Any]:
    columns = ("customer", "journey", "stage", "since", "event", "rule")
    return list(Position.objects.order_by("customer", "journey").values_list(*columns))


@pytest.mark.parametrize("seed", range(4))
def test_whoever_is_judged_anew_stands_where_living_brought_them(seed: int) -> None:
    random = Random(seed)
    people = CustomerFactory.create_batch(6)
    for number in range(60):
        at = day(random.uniform(0, 90))
        # Some facts become known late, in whatever order.
        fact = told(random.choice(people), random.choice(NAMES), at, order_id=f"o{random.randrange(8)}")
        log.record_many([fact], now=max(at, day(number)))
    lived = everybody()

    assert run("five-stage")["changed"] == run("usage-loop")["changed"] == 0

    Position.objects.all().delete()
    run("five-stage")
    run("usage-loop")
    assert everybody() == lived


def test_a_rule_that_is_gone_is_evidence_no_more() -> None:
    customer = CustomerFactory.create()
    happens(customer, "Product Shared", day(3))
    StageRule.objects.filter(stage__slug="advocacy", stage__journey__slug="five-stage").update(is_active=False)

    assert judge(customer) == 1

    assert stands(customer) == ("awareness", day(0))
    correction = StageMove.objects.order_by("pk").last()
    assert correction is not None
    assert (correction.cause, correction.to_stage.slug, correction.effective_at) == ("replay", "awareness", day(200))
    told_of = Event.objects.filter(name="Stage Changed", customer=customer).order_by("pk").last()
    assert told_of is not None
    assert (told_of.properties["cause"], told_of.properties["to"]) == ("replay", "awareness")
    assert judge(customer) == 0


def test_a_new_journey_gets_its_past() -> None:
    customer, stranger = CustomerFactory.create_batch(2)
    happens(customer, "Newsletter Signed Up", day(1))
    happens(customer, "Loyalty Joined", day(5))
    journey = Journey.objects.create(slug="club", name="Club", is_active=True)
    for rank, (slug, event) in enumerate([("heard", "Newsletter Signed Up"), ("member", "Loyalty Joined")]):
        StageRuleFactory.create(stage=StageFactory.create(journey=journey, slug=slug, rank=rank), events=[event])

    assert run("club") == {"customers": 2, "changed": 1, "positions": {"heard": 0, "member": 1}}

    assert stands(customer, "club") == ("member", day(5))
    assert moves(customer, "club") == ["heard", "member"]
    assert not Position.objects.filter(customer=stranger, journey=journey).exists()


def test_what_staff_decided_stands_and_later_facts_count_from_there() -> None:
    customer, other = CustomerFactory.create_batch(2)
    for who in (customer, other):
        happens(who, "Order Completed", day(1), order_id="A")
        move_customers([who], stage=Stage.objects.get(slug="awareness", journey__slug="five-stage"), actor=None,
                       now=day(2), note="Bought for somebody else.")  # fmt: skip
    happens(other, "Product Added", day(3))

    assert judge(customer, other) == 0

    assert stands(customer) == ("awareness", day(2))
    assert stands(other) == ("consideration", day(3))


def test_a_hold_is_kept_while_it_lasts_and_what_happened_in_it_never_counts() -> None:
    customer = CustomerFactory.create()
    stage = Stage.objects.get(slug="consideration", journey__slug="five-stage")
    move_customers([customer], stage=stage, actor=None, now=day(2), hold_until=day(10))
    happens(customer, "Order Completed", day(5), order_id="A")

    assert judge(customer, at=6) == judge(customer, at=30) == 0
    assert stands(customer) == ("consideration", day(2))

    happens(customer, "Order Completed", day(40), order_id="B")
    assert judge(customer, at=50) == 0
    assert stands(customer) == ("retention", day(40))


def test_the_preview_says_who_would_move_and_writes_nothing() -> None:
    customer, quiet = CustomerFactory.create_batch(2)
    happens(customer, "Session Started", day(1))
    before = (everybody(), StageMove.objects.count(), Event.objects.count())
    StageRuleFactory.create(
        stage=Stage.objects.get(slug="retention", journey__slug="five-stage"), events=["Session Started"]
    )

    (verdict,) = preview(rules_of(), [customer.pk, quiet.pk], now=day(2))

    assert (verdict.standing.customer_id, verdict.place.since) == (customer.pk, day(1))
    assert (everybody(), StageMove.objects.count(), Event.objects.count()) == before


def test_judging_costs_the_same_for_many() -> None:
    people = CustomerFactory.create_batch(12)
    for customer in people:
        happens(customer, "Product Shared", day(1))
    StageRule.objects.filter(stage__slug="advocacy", stage__journey__slug="five-stage").update(is_active=False)
    rules = rules_of()
    with CaptureQueriesContext(connection) as for_two:
        assert recompute(rules, [customer.pk for customer in people[:2]], now=day(9)) == 2
    with CaptureQueriesContext(connection) as for_ten:
        assert recompute(rules, [customer.pk for customer in people[2:]], now=day(9)) == 10
    assert len(for_ten) == len(for_two) < 30


def test_a_killed_run_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    people = CustomerFactory.create_batch(5)
    for customer in people:
        happens(customer, "Product Shared", day(1))
    StageRule.objects.filter(stage__slug="advocacy", stage__journey__slug="five-stage").update(is_active=False)
    monkeypatch.setattr(replaying, "BATCH", 2)
    judged: list[list[int]] = []

    def dies_at_the_second(ruleset: Ruleset, customers: list[int], **kwargs: Any) -> int:
        judged.append(customers)
        if len(judged) == 2:
            raise KeyboardInterrupt
        return recompute(ruleset, customers, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(replaying, "recompute", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert ReplayRun.objects.get().position == people[1].pk

    assert run() == {
        "customers": 5, "changed": 5,
        "positions": {"awareness": 5, "consideration": 0, "purchase": 0, "retention": 0, "advocacy": 0},
    }  # fmt: skip
    assert run()["changed"] == 0


def test_the_worker_judges_what_was_asked_for_and_gives_up_what_was_edited_meanwhile() -> None:
    customer = CustomerFactory.create()
    happens(customer, "Product Shared", day(1))
    rule = StageRule.objects.filter(stage__slug="advocacy", stage__journey__slug="five-stage")
    outdated = replaying.begin(rules_of(), now=day(2))
    rule.update(is_active=False)
    asked = replaying.begin(rules_of(), now=day(3))

    assert tasks.replay_journeys() == "1 customers judged"

    assert stands(customer) == ("awareness", day(0))
    assert not replaying.under_way().exists()
    assert (ReplayRun.objects.get(pk=outdated.pk).report, ReplayRun.objects.get(pk=asked.pk).report) == (
        {},
        {"changed": 1},
    )


def test_who_is_judged_into_a_stage_starts_no_flow() -> None:
    live_flow(trigger={"stage": {"journey": "five-stage", "stage": "retention"}})
    judged, lived = CustomerFactory.create_batch(2)
    happens(judged, "Song Shared", day(1))
    stage = Stage.objects.get(slug="retention", journey__slug="five-stage")
    StageRuleFactory.create(stage=stage, events=["Song Shared"])

    assert judge(judged, at=1.1) == 1
    assert stands(judged) == ("retention", day(1))
    assert not Enrolment.objects.exists()

    happens(lived, "Song Shared", day(2))
    assert run_of(lived).entered_at == day(2)


def test_a_journey_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="no active journey 'fifth'; there are five-stage, usage-loop"):
        run("fifth")
