import pytest

from journeys.flows import presets as flows
from messaging.models import Template, TemplateVariant
from messaging.outbox.authoring import VariantIn, save_template
from messaging.outbox.sender import send_due
from messaging.presets import PRESETS, install_templates
from messaging.texts import sms
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, phone_of

pytestmark = pytest.mark.django_db


def sends(steps: list[dict]) -> list[dict]:  # type: ignore[type-arg]
    found = [step for step in steps if step["type"] == "send"]
    for step in steps:
        for name in ("then", "else"):
            found += sends(step.get(name, []))
        for path in step.get("paths", []):
            found += sends(path["steps"])
    return found


def test_installing_twice_installs_once_and_keeps_what_staff_changed() -> None:
    assert install_templates(now=NOON) == 2 * len(PRESETS)
    ours = save_template(slug="welcome", channel="sms", variants={"en": VariantIn("Hey")}, now=NOON)
    assert install_templates(now=NOON) == 0
    assert ours.template.live_version == ours


def test_each_text_comes_in_english_and_thai() -> None:
    install_templates(now=NOON)
    for template in Template.objects.all():
        version = template.live_version
        assert version is not None
        assert {variant.language for variant in version.variants.all()} == {"en", "th"}


def test_the_preset_flows_find_their_texts_on_every_channel_they_use() -> None:
    install_templates(now=NOON)
    have = set(Template.objects.values_list("slug", "channel"))
    for preset in flows.PRESETS:
        for step in sends(preset.definition["steps"]):
            for channel in (step["channel"], *step.get("fallback", ())):
                assert (step["template"], channel) in have


@pytest.mark.parametrize("language", ["en", "th"])
def test_every_text_can_be_sent_to_somebody_we_know_only_a_number_of(language: str) -> None:
    install_templates(now=NOON)
    customer = CustomerFactory(name="", language=language)
    for template in Template.objects.filter(channel="sms"):
        MessageFactory(customer=customer, template=template, is_literal=False, body="", language=language)
    assert send_due(now=NOON, limit=100) == {"delivered": len(PRESETS)}
    for text in phone_of(customer):
        assert "  " not in text
        assert "{{" not in text
        assert 1 <= sms.measure(text).segments <= 3


def test_no_english_text_costs_twice_for_a_fancy_character() -> None:
    install_templates(now=NOON)
    for variant in TemplateVariant.objects.filter(language="en", version__template__channel="sms"):
        assert sms.encoding_of(variant.body) == "GSM-7"
