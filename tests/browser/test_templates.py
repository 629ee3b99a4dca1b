"""Writing templates: designs drawn while they are typed, pieces, versions, prices and links."""

import re

import pytest
from playwright.sync_api import Page, expect

from crm.models import User
from messaging.models import Click, MessagingSettings, Price, ShortLink, Template, TemplatePartial
from messaging.outbox.authoring import VariantIn, restore_version, save_template
from messaging.services.prices import add_example
from tests.browser.conftest import Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ customer.first_name }}</mj-text></mj-column></mj-section>"
    "</mj-body></mjml>"
)


def addresses() -> list[str]:
    """Every page about templates, links and prices, with something on it."""
    CustomerFactory(name="Ploy", attributes={})
    add_example()
    TemplatePartial.objects.create(slug="footer", language="en", text="Bye", html="<i>Bye</i>")
    MessagingSettings.objects.update(link_domain="https://go.shop.example", registered_domains=["shop.example"])
    size = "Your size: {{ customer.attributes.size }}"
    first = save_template(slug="sale", channel="sms", variants={"en": VariantIn(f"One\n{size}")}, now=NOON)
    save_template(slug="sale", channel="sms", variants={"en": VariantIn("Two {% render 'footer' %}")}, now=NOON)
    restore_version(first, author=None, now=NOON)
    sale = first.template.get_absolute_url()
    mail = save_template(slug="news", channel="email", variants={"en": VariantIn(subject="N", mjml=MJML)}, now=NOON)
    news = mail.template.get_absolute_url()
    message = MessageFactory(state="sent", body="https://go.shop.example/1aaaaaaaaa", cost_micros=350_000, segments=1)
    link = ShortLink.objects.create(token="1aaaaaaaaa", message=message, url="https://shop.example/sale")
    Click.objects.create(link=link, at=NOON, bot_because="facebookexternalhit")
    return [
        "/templates/", "/templates/new/?channel=email", "/templates/new/?channel=email&design=order",
        "/templates/new/?channel=line", sale, f"{sale}edit/", f"{sale}versions/", f"{sale}publish/", news,
        f"{news}edit/", "/templates/pieces/", "/templates/new-piece/", "/templates/pieces/footer/",
        "/settings/prices/", "/settings/prices/new/", f"/settings/prices/{Price.objects.earliest('pk').pk}/",
        "/settings/sending/", "/settings/sending/links/", "/messages/", message.get_absolute_url(),
    ]  # fmt: skip


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language, first_name="Anya")
    assert [fault for address in addresses() for fault in faults(page, address)] == []


@pytest.fixture
def desk(open_as: Open) -> Page:
    return open_as(User.Role.ADMIN, language="en", first_name="Anya")


def test_an_email_is_drawn_in_each_language_while_it_is_written(desk: Page) -> None:
    CustomerFactory(name="Ploy Suk")
    desk.goto("/templates/new/?channel=email")
    desk.locator("[name=en_subject]").fill("Hello")
    desk.locator("[name=en_mjml]").fill(MJML)
    desk.locator("[name=th_subject]").fill("สวัสดี")
    desk.locator("[name=th_mjml]").fill(MJML.replace("Hi", "สวัสดี"))
    expect(desk.frame_locator("[name=letter-en]").get_by_text("Hi Ploy")).to_be_visible()
    expect(desk.frame_locator("[name=letter-th]").get_by_text("สวัสดี Ploy")).to_be_visible()
    narrow = desk.locator("[name=letter-en]").evaluate("frame => frame.offsetWidth")
    desk.get_by_label("at a desk").check()
    assert desk.locator("[name=letter-en]").evaluate("frame => frame.offsetWidth") > narrow
    assert not Template.objects.exists()


def test_what_customers_lack_asks_before_it_is_used(desk: Page) -> None:
    CustomerFactory(name="Ploy", attributes={})
    desk.goto("/templates/new/?channel=sms")
    desk.get_by_label("Name", exact=True).fill("Sale")
    desk.get_by_label("Short name").fill("sale")
    desk.locator("[name=en_body]").fill("Your size: {{ customer.attributes.size }}")
    desk.get_by_role("button", name="Save and use from now on").click()
    expect(desk.get_by_text("1 of 1 lately active customers have none")).to_be_visible()
    assert not Template.objects.exists()
    desk.get_by_role("button", name="Use it all the same").click()
    expect(desk).to_have_url(re.compile(r"/templates/[0-9a-f-]{36}/$"))
    assert Template.objects.get().live_version is not None


def test_an_old_version_is_brought_back_looked_at_and_published(desk: Page) -> None:
    first = save_template(slug="sale", channel="sms", variants={"en": VariantIn("One")}, now=NOON)
    save_template(slug="sale", channel="sms", variants={"en": VariantIn("Two")}, now=NOON)
    desk.goto(f"{first.template.get_absolute_url()}versions/")
    desk.get_by_role("button", name="Bring version 1 back").click()
    desk.get_by_role("link", name="Publish…").click()
    expect(desk.locator(".diff ins")).to_contain_text("One")
    desk.get_by_role("button", name="Publish", exact=True).click()
    expect(desk.get_by_text("Version 3 is live")).to_be_visible()
