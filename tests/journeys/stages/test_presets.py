import pytest
from django.utils import translation

from journeys.models import Journey, Stage, StageRule
from journeys.stages import presets, rulebook

pytestmark = pytest.mark.django_db


def test_both_journeys_are_there_after_migrate_first_stage_first() -> None:
    found = {journey.slug: list(journey.stages.values_list("slug", flat=True)) for journey in Journey.objects.active()}
    assert found == {
        "five-stage": ["awareness", "consideration", "purchase", "retention", "advocacy"],
        "usage-loop": ["awareness", "evaluation", "purchase", "usage", "repurchase"],
    }
    assert Journey.objects.get(is_default=True).slug == "five-stage"


def test_every_default_rule_can_be_read() -> None:
    assert [len(ruleset.rules) for ruleset in rulebook.current()] == [11, 7]
    assert StageRule.objects.count() == 18


def test_stages_and_evidence_speak_english_and_thai() -> None:
    stage = Stage.objects.get(journey__slug="five-stage", slug="purchase")
    rule = StageRule.objects.get(stage=stage)
    with translation.override("th"):
        assert (str(stage), rule.label) == ("การซื้อ", "สั่งซื้อ")
    with translation.override("en"):
        assert (str(stage), rule.label) == ("Purchase", "Placed an order")


def test_installing_again_leaves_what_staff_have_changed() -> None:
    Stage.objects.filter(slug="usage").update(name="In use")
    presets.install(Journey, Stage, StageRule)
    assert (Stage.objects.count(), Stage.objects.get(slug="usage").name) == (10, "In use")
