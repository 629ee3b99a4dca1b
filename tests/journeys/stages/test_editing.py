"""Editing journeys: what the API cannot ask for, and what must not happen."""

from __future__ import annotations

import pytest

from journeys.models import Journey, StageRule
from journeys.stages import editing
from tests.factories.journeys import JourneyFactory, StageFactory, StageRuleFactory

pytestmark = pytest.mark.django_db


def test_a_refused_rule_leaves_all_rules_as_they_were() -> None:
    stage = StageFactory.create()
    StageRuleFactory.create(stage=stage, name="Joined", events=["Club Joined"])

    with pytest.raises(editing.InvalidJourney) as caught:
        editing.put_rules(stage, [{"name": "New", "events": ["X"]}, {"name": "Bad", "events": []}])

    assert caught.value.path == ("rules", "1", "events")
    assert list(StageRule.objects.filter(stage=stage).values_list("name", "events")) == [("Joined", ["Club Joined"])]


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(editing.InvalidJourney) as caught:
        editing.put_rules(StageFactory.create(), [{"name": "Same", "events": ["X"]}] * 2)

    assert caught.value.path == ("rules", "1", "name")


def test_a_place_beyond_the_last_is_the_last() -> None:
    journey = JourneyFactory.create()
    first, second = (StageFactory.create(journey=journey, rank=rank) for rank in (1, 2))

    stage, is_new = editing.put_stage(journey, first.slug, rank=30)

    assert (stage.rank, is_new) == (2, False)
    second.refresh_from_db()
    assert second.rank == 1


def test_a_journey_that_is_refused_is_not_there() -> None:
    with pytest.raises(editing.InvalidJourney):
        editing.create_journey(
            slug="club", name="Club", stages=[{"slug": "a", "name": "A"}, {"slug": "a", "name": "B"}]
        )

    assert not Journey.objects.filter(slug="club").exists()
