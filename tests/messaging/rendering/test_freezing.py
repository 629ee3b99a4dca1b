"""What is sent of what was written: frozen when it is published."""

import pytest

from crm.models import Shop
from messaging.models import Template, TemplatePartial, TemplateVariant
from messaging.outbox.authoring import InvalidTemplate, NotNewest, VariantIn, publish_version, restore_version
from messaging.outbox.authoring import save_template as save
from messaging.rendering.freezing import Pieces
from messaging.rendering.letters import Letter, Letters
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ customer.first_name }}{% render 'footer' %}</mj-text>"
    "</mj-column></mj-section></mj-body></mjml>"
)


@pytest.fixture(autouse=True)
def footer() -> TemplatePartial:
    TemplatePartial.objects.create(slug="footer", language="th", text="ลาก่อน", html="<i>ลาก่อน</i>")
    return TemplatePartial.objects.create(
        slug="footer", language="en", text="Bye, {{ shop.name }}", html="<i>Bye, {{ shop.name }}</i>"
    )


def letter(channel: str = "sms", language: str = "en") -> Letter:
    template = Template.objects.get()
    message = MessageFactory(
        customer=CustomerFactory(name="Ploy <b>"), channel=channel, is_literal=False, body="", template=template,
        address="a@example.com", language=language,
    )  # fmt: skip
    return Letters([message], Shop.current()).compose(message, message.customer)


def test_a_published_version_keeps_the_piece_as_it_was(footer: TemplatePartial) -> None:
    save(slug="t", channel="sms", variants={"en": VariantIn("Hi. {% render 'footer' %}")}, now=NOON)
    TemplatePartial.objects.update(text="Something else")
    assert letter().body == f"Hi. Bye, {Shop.current().name}"
    save(slug="t", channel="sms", variants={"en": VariantIn("Hi. {% render 'footer' %}")}, now=NOON)
    assert letter().body == "Hi. Something else"


def test_a_text_gets_the_piece_in_its_own_language() -> None:
    texts = {"en": VariantIn("{% render 'footer' %}"), "th": VariantIn("{% render 'footer' %}")}
    save(slug="t", channel="sms", variants=texts, now=NOON)
    assert letter(language="th").body == "ลาก่อน"


def test_an_html_text_is_told_when_a_piece_has_no_html() -> None:
    TemplatePartial.objects.update(html="")
    with pytest.raises(InvalidTemplate) as refused:
        save(slug="t", channel="email", variants={"en": VariantIn(subject="x", mjml=MJML)}, now=NOON)
    said = "the piece “footer” has no HTML, which this text needs"
    assert [(fault.path, fault.code, fault.message) for fault in refused.value.faults] == [
        ("variants.en.mjml", "unknown_partial", said)
    ]


def test_a_language_without_the_piece_gets_the_shops() -> None:
    assert Pieces.current().text("de", "footer") == Pieces.current().text(Shop.current().language, "footer")
    assert Pieces.current().text("th-TH", "footer") == "ลาก่อน"
    with pytest.raises(LookupError):
        Pieces.current().text("th", "header")


def test_a_text_as_it_was_written_is_not_kept_twice() -> None:
    save(slug="t", channel="sms", variants={"en": VariantIn("Hi")}, now=NOON)
    row = TemplateVariant.objects.get()
    assert (row.frozen_body, row.final_body) == ("", "Hi")


def test_a_mail_in_mjml_gets_both_its_parts_and_values_are_escaped_in_one() -> None:
    save(slug="t", channel="email", variants={"en": VariantIn(subject="S", mjml=MJML)}, now=NOON)
    found = letter("email")
    name = Shop.current().name
    assert f"Hi Ploy<i>Bye, {name}</i>" in found.html
    assert found.body == f"Hi PloyBye, {name}"


def test_values_with_markup_are_text_in_html() -> None:
    save(slug="t", channel="email", variants={"en": VariantIn(subject="S", mjml=MJML.replace("first_", ""))}, now=NOON)
    found = letter("email")
    assert "Hi Ploy &lt;b&gt;<i>" in found.html
    assert "Hi Ploy <b>" in found.body


@pytest.mark.parametrize(
    ("variant", "path", "code", "line"),
    [
        (VariantIn("Hi\n{% render 'header' %}", "S"), "body", "unknown_partial", 2),
        (VariantIn("Hi {% render 'footer' %}\n{{ nobody }}", "S"), "body", "unknown_variable", 2),
        (VariantIn("Hi", "{% render 'footer' %}"), "subject", "unknown_tag", 1),
        (VariantIn("Hi", "S", html="{% render 'plain' %}"), "html", "unknown_partial", 1),
        (VariantIn("Hi", "S", mjml="<mjml>\n<mj-body>x</mj-body></mjml>"), "mjml", "syntax", 2),
        (VariantIn("Hi", "S", mjml=MJML.replace("customer", "nobody")), "mjml", "unknown_variable", 1),
        (VariantIn("Hi", "S", html="<p>x</p>", mjml=MJML), "mjml", "invalid", 0),
        (VariantIn("", "S"), "body", "required", 0),
    ],
)
def test_what_cannot_be_kept_says_where(variant: VariantIn, path: str, code: str, line: int) -> None:
    TemplatePartial.objects.create(slug="plain", language="en", text="x")
    with pytest.raises(InvalidTemplate) as refused:
        save(slug="t", channel="email", variants={"en": variant}, now=NOON)
    (fault,) = refused.value.faults
    assert (fault.path, fault.code, fault.line) == (f"variants.en.{path}", code, line)


class TestVersions:
    def test_an_old_version_comes_back_as_a_draft_and_is_sent_once_it_is_published(self) -> None:
        first = save(slug="t", channel="sms", variants={"en": VariantIn("One. {% render 'footer' %}")}, now=NOON)
        save(slug="t", channel="sms", variants={"en": VariantIn("Two")}, now=NOON)
        author = UserFactory()
        draft = restore_version(first, author=author, now=NOON)
        assert (draft.number, draft.published_at, draft.author) == (3, None, author)
        assert letter().body == "Two"
        TemplatePartial.objects.update(text="New")
        publish_version(draft, now=NOON)
        assert letter().body == "One. New"
        assert first.variants.get().final_body == "One. Bye, {{ shop.name }}"  # history stays

    def test_a_draft_that_is_no_longer_the_newest_cannot_be_published(self) -> None:
        draft = save(slug="t", channel="sms", variants={"en": VariantIn("One")}, now=NOON, publish=False)
        save(slug="t", channel="sms", variants={"en": VariantIn("Two")}, now=NOON)
        with pytest.raises(NotNewest):
            publish_version(draft, now=NOON)

    def test_a_draft_whose_piece_is_gone_cannot_be_published(self) -> None:
        text = VariantIn("{% render 'footer' %}")
        draft = save(slug="t", channel="sms", variants={"en": text}, now=NOON, publish=False)
        TemplatePartial.objects.all().delete()
        with pytest.raises(InvalidTemplate):
            publish_version(draft, now=NOON)
        draft.refresh_from_db()
        assert draft.published_at is None
