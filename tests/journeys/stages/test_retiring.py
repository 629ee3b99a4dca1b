"""Stages taken away: where the people go, and what is past."""

from __future__ import annotations

import pytest

from crm.models import Customer, Event
from journeys.models import Journey, Position, Stage, StageMove, StageRule
from journeys.selectors.names import stage_name
from journeys.stages import editing, retiring, rulebook
from journeys.stages.editing import InvalidJourney
from tests.factories.crm import CustomerFactory, UserFactory
from tests.factories.journeys import live_flow
from tests.journeys.happenings import day, happens, moves, stands

pytestmark = pytest.mark.django_db


def stage(slug: str) -> Stage:
    return Stage.objects.select_related("journey").get(journey__slug="five-stage", slug=slug)


@pytest.fixture
def buyer() -> Customer:
    customer = CustomerFactory.create()
    happens(customer, "Order Completed", day(1), order_id="1")
    return customer


def test_people_go_where_it_is_said_and_what_is_past_goes_on_naming_the_stage(buyer: Customer) -> None:
    actor = UserFactory.create()
    removed = retiring.remove_stage(stage("purchase"), move_to=stage("retention"), actor=actor, now=day(5))
    assert removed == 1
    assert stands(buyer) == ("retention", day(5))
    last = StageMove.objects.filter(customer=buyer, journey__slug="five-stage").latest("pk")
    assert (last.from_stage.slug, last.to_stage.slug, last.cause, last.actor) == (  # type: ignore[union-attr]
        "purchase", "retention", "replay", actor,
    )  # fmt: skip
    assert last.note == "The stage “Purchase” was taken away."
    assert moves(buyer)[-2:] == ["purchase", "retention"]
    assert stage_name("five-stage", "purchase") == "Purchase"
    assert [it.slug for it in Journey.objects.get(slug="five-stage").stages.order_by("rank")] == [
        "awareness", "consideration", "retention", "advocacy",
    ]  # fmt: skip


def test_the_other_journey_is_left_alone(buyer: Customer) -> None:
    retiring.remove_stage(stage("purchase"), move_to=stage("retention"), actor=None, now=day(5))
    assert stands(buyer, "usage-loop") == ("purchase", day(1))


def test_nobody_enters_a_flow_by_it(buyer: Customer) -> None:
    live_flow(trigger={"stage": {"journey": "five-stage", "stage": "retention"}})
    retiring.remove_stage(stage("purchase"), move_to=stage("retention"), actor=None, now=day(5))
    assert not buyer.enrolments.exists()


def test_its_rules_are_evidence_no_more_and_later_facts_lead_on(buyer: Customer) -> None:
    retiring.remove_stage(stage("purchase"), move_to=stage("consideration"), actor=None, now=day(5))
    happens(buyer, "Order Completed", day(6), order_id="1b")
    assert stands(buyer) == ("retention", day(6))
    newcomer = CustomerFactory.create()
    happens(newcomer, "Order Completed", day(6), order_id="2")
    assert stands(newcomer) == ("awareness", newcomer.created_at)
    assert not StageRule.objects.filter(stage__retired_at__isnull=False, is_active=True).exists()


def test_people_without_a_place_to_go_keep_the_stage(buyer: Customer) -> None:
    for target, field in ((None, "move_to"), (stage("purchase"), "move_to")):
        with pytest.raises(InvalidJourney) as caught:
            retiring.remove_stage(stage("purchase"), move_to=target, actor=None, now=day(5))
        assert caught.value.path == (field,)
    other = Stage.objects.get(journey__slug="usage-loop", slug="usage")
    with pytest.raises(InvalidJourney):
        retiring.remove_stage(stage("purchase"), move_to=other, actor=None, now=day(5))
    assert stands(buyer) == ("purchase", day(1))
    assert Stage.ever.filter(retired_at__isnull=False).count() == 0


def test_one_where_nobody_ever_stood_is_deleted_and_its_name_is_free_again(buyer: Customer) -> None:
    assert retiring.remove_stage(stage("advocacy"), move_to=None, actor=None, now=day(5)) == 0
    assert not Stage.ever.filter(journey__slug="five-stage", slug="advocacy").exists()
    retiring.remove_stage(stage("purchase"), move_to=stage("retention"), actor=None, now=day(5))
    again, is_new = editing.put_stage(stage("retention").journey, "purchase", name="Purchase once more")
    assert (is_new, again.rank) == (True, 5)
    assert stage_name("five-stage", "purchase") in ("Purchase", "Purchase once more")


def test_the_last_stage_stays() -> None:
    journey = editing.create_journey(slug="club", name="Club", stages=[{"slug": "in", "name": "In"}])
    with pytest.raises(InvalidJourney):
        retiring.remove_stage(journey.stages.get(), move_to=None, actor=None, now=day(5))
    assert journey.stages.count() == 1


def test_whoever_came_in_the_very_moment_stands_nowhere_until_the_next_evidence(buyer: Customer) -> None:
    """As a worker leaves it that had read the rules before."""
    gone = stage("purchase")
    retiring.remove_stage(gone, move_to=stage("retention"), actor=None, now=day(5))
    Position.objects.filter(customer=buyer, journey=gone.journey).update(stage=gone, settled_at=None)
    happens(buyer, "Review Published", day(6), rating=5)
    assert stands(buyer) == ("advocacy", day(6))
    ruleset = rulebook.of(gone.journey)
    assert ruleset is not None
    assert gone.pk not in ruleset.stages


def test_batches_move_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retiring, "BATCH", 2)
    people = CustomerFactory.create_batch(5)
    for person in people:
        happens(person, "Order Completed", day(1), order_id=str(person.pk))
    assert retiring.remove_stage(stage("purchase"), move_to=stage("retention"), actor=None, now=day(5)) == 5
    assert {stands(person) for person in people} == {("retention", day(5))}
    assert Event.objects.filter(name="Stage Changed", properties__cause="replay").count() == 5
