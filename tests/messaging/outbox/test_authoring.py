from datetime import timedelta

import pytest

from messaging.models import MessagingSettings, Template, TemplateVersion
from messaging.outbox.authoring import Fault, InvalidTemplate, VariantIn, save_template
from tests.factories.crm import NOON, UserFactory

pytestmark = pytest.mark.django_db


def test_a_template_starts_with_version_one_and_is_live() -> None:
    author = UserFactory()
    version = save_template(
        slug="thanks", channel="sms", name="Thank you", author=author, now=NOON,
        variants={"en": VariantIn("Thank you"), "th": VariantIn("ขอบคุณ")},
    )  # fmt: skip
    template = Template.objects.get()
    assert (template.slug, template.channel, template.name, template.live_version) == (
        "thanks",
        "sms",
        "Thank you",
        version,
    )
    assert (version.number, version.published_at, version.author) == (1, NOON, author)
    assert {row.language: row.body for row in version.variants.all()} == {"en": "Thank you", "th": "ขอบคุณ"}


def test_a_change_is_the_next_version_and_the_first_stays_as_it_was() -> None:
    first = save_template(slug="thanks", channel="sms", variants={"en": VariantIn("Thnaks")}, now=NOON)
    second = save_template(slug="thanks", channel="sms", variants={"en": VariantIn("Thanks")}, now=NOON, name="Thanks!")
    assert second.number == 2
    assert first.variants.get().body == "Thnaks"
    assert first.template.live_version == second
    assert Template.objects.get().name == "Thanks!"


def test_a_draft_is_not_sent() -> None:
    live = save_template(slug="thanks", channel="sms", variants={"en": VariantIn("Thanks")}, now=NOON)
    later = NOON + timedelta(days=1)
    save_template(slug="thanks", channel="sms", variants={"en": VariantIn("Ta")}, now=later, publish=False)
    assert live.template.live_version == live


def test_one_slug_can_be_on_several_channels() -> None:
    save_template(slug="thanks", channel="sms", variants={"en": VariantIn("Thanks")}, now=NOON)
    save_template(slug="thanks", channel="email", variants={"en": VariantIn("Thanks", subject="Thanks")}, now=NOON)
    assert Template.objects.count() == 2


@pytest.mark.parametrize(
    ("slug", "channel", "variants", "fault"),
    [
        ("Thanks!", "sms", {"en": VariantIn("Hi")}, Fault("slug", "invalid", "")),
        ("thanks", "pigeon", {"en": VariantIn("Hi")}, Fault("channel", "invalid", "")),
        ("thanks", "sms", {}, Fault("variants", "required", "")),
        ("thanks", "sms", {"english": VariantIn("Hi")}, Fault("variants.english", "invalid", "")),
        ("thanks", "sms", {"en": VariantIn("  ")}, Fault("variants.en.body", "required", "")),
        ("thanks", "email", {"en": VariantIn("Hi")}, Fault("variants.en.subject", "required", "")),
        ("thanks", "email", {"en": VariantIn("Hi", subject="s" * 201)}, Fault("variants.en.subject", "too_large", "")),
        ("thanks", "email", {"en": VariantIn("Hi", "a\r\nBcc: x")}, Fault("variants.en.subject", "invalid_header", "")),
        ("thanks", "sms", {"en": VariantIn("a\0b")}, Fault("variants.en.body", "invalid_text", "")),
        (
            "thanks",
            "sms",
            {"th": VariantIn("a\n{{ customer.api_key }}")},
            Fault("variants.th.body", "unknown_variable", "", 2),
        ),
        (
            "thanks",
            "email",
            {"en": VariantIn("a", "b", "{% include 'c' %}")},
            Fault("variants.en.html", "unknown_tag", "", 1),
        ),
    ],
)
def test_what_cannot_be_kept_says_where_and_why(
    slug: str, channel: str, variants: dict[str, VariantIn], fault: Fault
) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        save_template(slug=slug, channel=channel, variants=variants, now=NOON)
    (found,) = refused.value.faults
    assert (found.path, found.code, found.line) == (fault.path, fault.code, fault.line)
    assert found.message
    assert not TemplateVersion.objects.exists()


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidTemplate) as refused:
        save_template(slug="", channel="", variants={"en": VariantIn("{{ nothing }}"), "th": VariantIn("")}, now=NOON)
    assert [fault.path for fault in refused.value.faults] == [
        "slug", "channel", "variants.en.body", "variants.th.body",
    ]  # fmt: skip


class TestRegisteredDomains:
    @pytest.fixture(autouse=True)
    def registered(self) -> None:
        MessagingSettings.objects.update(registered_domains=["shop.example"])

    def test_an_sms_that_links_elsewhere_is_refused_and_the_link_named(self) -> None:
        with pytest.raises(InvalidTemplate) as refused:
            save_template(slug="t", channel="sms", variants={"en": VariantIn("Hi\nbit.ly/abc")}, now=NOON)
        (fault,) = refused.value.faults
        assert (fault.path, fault.code, fault.line) == ("variants.en.body", "link_domain_not_registered", 2)
        assert "bit.ly/abc" in fault.message

    def test_one_that_links_to_us_is_kept(self) -> None:
        text = "https://shop.example/{{ event.order_id }} {{ links.unsubscribe }}"
        save_template(slug="t", channel="sms", variants={"en": VariantIn(text)}, now=NOON)

    def test_an_email_may_link_anywhere(self) -> None:
        variants = {"en": VariantIn("https://elsewhere.example", subject="S")}
        save_template(slug="t", channel="email", variants=variants, now=NOON)
