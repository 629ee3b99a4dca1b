from datetime import timedelta

import pytest

from crm.models import Customer, User
from journeys.models import Health, Journey, Position, Stage, StageMove
from journeys.selectors import stages
from journeys.stages import moves
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later
from tests.factories.journeys import PositionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey() -> Journey:
    """The five stages as they ship, nobody on them."""
    Position.objects.all().delete()
    return Journey.objects.get(slug="five-stage")


@pytest.fixture
def user() -> User:
    return UserFactory(role=User.Role.MANAGER)


def stage(journey: Journey, slug: str) -> Stage:
    return journey.stages.get(slug=slug)


def stand(journey: Journey, slug: str, *, days: int = 0, **fields: object) -> Position:
    customer = CustomerFactory()
    Position.objects.filter(customer=customer).delete()
    return PositionFactory(customer=customer, stage=stage(journey, slug), since=NOON - timedelta(days=days), **fields)


def test_the_map_counts_who_is_here_who_came_as_far_and_the_share(journey: Journey, user: User) -> None:
    for slug, n in (("awareness", 4), ("purchase", 3), ("advocacy", 1)):
        for _ in range(n):
            stand(journey, slug)
    counts = stages.stage_counts(journey, Customer.objects.visible_to(user), now=NOON)
    assert [(c.stage.slug, c.here, c.reached, c.share) for c in counts] == [
        ("awareness", 4, 8, None),
        ("consideration", 0, 4, 50),
        ("purchase", 3, 4, 100),
        ("retention", 0, 1, 25),
        ("advocacy", 1, 1, 100),
    ]


def test_nobody_anywhere_has_no_share(journey: Journey, user: User) -> None:
    assert {count.share for count in stages.stage_counts(journey, Customer.objects.visible_to(user), now=NOON)} == {
        None
    }


def test_health_and_the_middle_stay_are_told(journey: Journey, user: User) -> None:
    for days, health in ((1, Health.ACTIVE), (10, Health.AT_RISK), (40, Health.LAPSED)):
        stand(journey, "purchase", days=days, health=health)
    purchase = stages.stage_counts(journey, Customer.objects.visible_to(user), now=NOON)[2]
    assert (purchase.at_risk, purchase.lapsed, purchase.half_longer_than) == (1, 1, timedelta(days=10))
    assert (
        stages.stage_counts(journey, Customer.objects.visible_to(user), now=NOON, in_full=False)[2].half_longer_than
        is None
    )


def test_moves_of_a_period_leave_out_what_was_only_noted_and_tell_back_from_forward(
    journey: Journey, user: User
) -> None:
    aware, bought = stage(journey, "awareness"), stage(journey, "purchase")
    customer = CustomerFactory()
    StageMove.objects.all().delete()
    for before, after, at, noted in (
        (None, aware, NOON, False),
        (aware, bought, NOON, False),
        (bought, aware, NOON, False),
        (aware, bought, NOON, True),
        (aware, bought, NOON - timedelta(days=40), False),
    ):
        StageMove.objects.create(
            customer=customer, journey=journey, from_stage=before, to_stage=after, cause="staff", would_have=noted,
            effective_at=at, recorded_at=at,
        )  # fmt: skip
    found = stages.moves_between(
        journey, Customer.objects.visible_to(user), since=NOON - timedelta(days=30), until=later(days=1)
    )
    assert found.forward == {(None, aware.pk): 1, (aware.pk, bought.pk): 1}
    assert found.back == {(bought.pk, aware.pk): 1}
    assert found.through == {None: 1, aware.pk: 1, bought.pk: 1}


def test_somebody_who_moves_twice_the_same_way_is_counted_once(journey: Journey, user: User) -> None:
    aware, bought = stage(journey, "awareness"), stage(journey, "purchase")
    customer = CustomerFactory()
    StageMove.objects.all().delete()
    for before, after in ((aware, bought), (bought, aware), (aware, bought)):
        StageMove.objects.create(
            customer=customer, journey=journey, from_stage=before, to_stage=after, cause="staff", effective_at=NOON,
            recorded_at=NOON,
        )  # fmt: skip
    found = stages.moves_between(journey, Customer.objects.visible_to(user), since=None, until=later(days=1))
    assert found.forward == {(aware.pk, bought.pk): 1}
    assert found.through == {aware.pk: 1, bought.pk: 1}


def test_the_held_are_told_and_whom_a_rule_would_have_moved_since_they_came(journey: Journey, user: User) -> None:
    for days, held_until in ((5, later(days=3)), (5, later(days=-1)), (1, later(days=3))):
        standing = stand(journey, "awareness", days=days, held_until=held_until)
        StageMove.objects.create(
            customer=standing.customer, journey=journey, to_stage=stage(journey, "purchase"), cause="event",
            would_have=True, effective_at=later(days=-3), recorded_at=later(days=-3),
        )  # fmt: skip
    aware = stages.stage_counts(journey, Customer.objects.visible_to(user), now=NOON)[0]
    # One hold is over; of the other two, one noted it before they came to the stage.
    assert (aware.here, aware.held, aware.would_have) == (3, 2, 1)


def test_a_customers_way_shows_each_stage_with_its_evidence(journey: Journey, user: User) -> None:
    customer = CustomerFactory()  # becomes known, which is evidence of awareness
    way = stages.ways(customer, now=later(days=1))[0]
    assert (way.journey, way.hold) == (journey, None)
    assert [(m.stage.slug, m.is_current, m.is_behind) for m in way.milestones][:2] == [
        ("awareness", True, False),
        ("consideration", False, False),
    ]
    assert way.milestones[0].move.rule.name == "Became known"
    moves.move_customers(
        [customer], stage=stage(journey, "purchase"), actor=user, now=later(days=1), note="Paid in cash",
        hold_until=later(days=9),
    )  # fmt: skip
    held = stages.ways(customer, now=later(days=2))[0]
    assert [m.stage.slug for m in held.milestones if m.is_behind] == ["awareness", "consideration"]
    assert held.hold == later(days=9)
    assert stages.ways(customer, now=later(days=10))[0].hold is None


def test_who_stands_nowhere_has_no_way() -> None:
    assert stages.ways(CustomerFactory(name="", is_visitor=True), now=NOON) == []


def test_a_way_costs_two_queries(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    customer = CustomerFactory()
    with django_assert_num_queries(2):
        assert len(stages.ways(customer, now=NOON)) == 2
