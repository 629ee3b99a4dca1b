from __future__ import annotations

import pytest

from journeys.flows import presets
from journeys.flows.definition import InvalidDefinition, parse_definition
from journeys.models import Flow
from tests.factories.crm import NOON

SLUGS = ["abandoned-cart", "enquiry-follow-up", "review-request", "thank-you", "welcome", "win-back"]


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.slug)
def test_every_preset_can_run_and_is_given_back_key_for_key(preset: presets.FlowPreset) -> None:
    assert parse_definition(preset.definition).as_json() == preset.definition


@pytest.mark.django_db
def test_the_six_are_installed_as_drafts_once() -> None:
    assert len(presets.install_flows(now=NOON)) == 6
    Flow.objects.filter(slug="welcome").update(name="Ours")
    assert presets.install_flows(now=NOON) == []
    assert list(Flow.objects.order_by("slug").values_list("slug", "state")) == [(slug, "draft") for slug in SLUGS]
    assert Flow.objects.get(slug="welcome").name == "Ours"


@pytest.mark.django_db
def test_they_are_not_published_without_their_templates() -> None:
    with pytest.raises(InvalidDefinition):
        presets.install_flows(now=NOON, publish=True)
    assert not Flow.objects.exists()
