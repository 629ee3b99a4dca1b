from __future__ import annotations

import pytest
from django.utils import translation

from journeys.flows import presets, versions
from journeys.flows.definition import parse_definition
from messaging.models import Template, TemplateVersion
from messaging.presets import install_templates
from tests.factories.crm import NOON


def test_all_presets_are_in_the_gallery_and_more() -> None:
    slugs = [preset.slug for preset in presets.ALL]
    assert set(slugs) > {preset.slug for preset in presets.PRESETS}
    assert (len(slugs), len(set(slugs))) == (11, 11)


@pytest.mark.parametrize("preset", presets.ALL, ids=lambda preset: preset.slug)
def test_every_one_is_given_back_key_for_key(preset: presets.FlowPreset) -> None:
    assert parse_definition(preset.definition).as_json() == preset.definition


@pytest.mark.parametrize("preset", presets.ALL, ids=lambda preset: preset.slug)
def test_every_one_is_named_and_told_in_the_language_of_the_page(preset: presets.FlowPreset) -> None:
    assert (preset.label, preset.about) == (preset.name, preset.description)
    with translation.override("th"):
        assert (preset.label, preset.about) == (preset.name_th, preset.description_th)
    assert not preset.description_th.isascii()


@pytest.mark.django_db
@pytest.mark.parametrize("preset", presets.ALL, ids=lambda preset: preset.slug)
def test_every_one_can_be_published_with_the_texts_it_brings(preset: presets.FlowPreset) -> None:
    assert presets.install_texts(preset, now=NOON) > 0
    assert versions.faults_of(preset.definition, slug=preset.slug) == []
    for version in TemplateVersion.objects.published():
        assert {variant.language for variant in version.variants.all()} == {"en", "th"}


@pytest.mark.django_db
def test_texts_of_the_shop_are_left_alone() -> None:
    install_templates(now=NOON)
    before = Template.objects.count()
    assert presets.install_texts(presets.REVIEW_REQUEST, now=NOON) == 0
    assert presets.install_texts(presets.BIRTHDAY, now=NOON) == 2
    assert Template.objects.count() == before + 2
