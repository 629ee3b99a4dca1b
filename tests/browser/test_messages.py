"""Writing to people and being written to: the composer, the log, the sandbox phone, templates, the switches."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from crm.models import Customer, User
from messaging.models import (
    Attempt,
    ChannelSettings,
    InboundMessage,
    Message,
    MessagingSettings,
    ProviderState,
    Suppression,
    Template,
)
from messaging.models.suppression import hash_address
from messaging.outbox import sender
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.browser.conftest import PHONE, Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory
from tests.factories.messaging import MessageFactory, make_template

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
State = Message.State


def ploy() -> Customer:
    return CustomerFactory(name="Ploy", phone="+66812345678", email="ploy@example.com", language="en")


def sent_to(customer: Customer, channel: str = "sms", body: str = "Your order is on its way") -> Message:
    """A service message that has arrived on the phone."""
    now = timezone.now()
    ChannelSettings.objects.update(provider="sandbox")
    request = MessageRequest(
        customer_id=customer.pk, channel=channel, topic="order_updates", subject="On its way", body=body,
        dedupe_key=f"sent:{Message.objects.count()}", cause={"kind": "flow", "flow": "thanks", "step": "say"},
    )  # fmt: skip
    (message,) = queue_messages([request], now=now)
    sender.send_due(now=now, limit=10)
    message.refresh_from_db()
    return message


def addresses() -> list[str]:
    """Every page of messaging, with something on it."""
    customer = ploy()
    PurchaseFactory(customer=customer)
    sms, email = sent_to(customer), sent_to(customer, "email")
    unclear = MessageFactory(customer=customer, state=State.UNKNOWN_FINAL, reason="no_answer", wire_at=NOON)
    held = MessageFactory(customer=customer, reason="quiet_hours", due_at=timezone.now() + timedelta(days=1))
    withheld = MessageFactory(customer=customer, state=State.WITHHELD, reason="no_consent", decision=sms.decision)
    texts = [make_template("thanks", en="Thank you {{ customer.name }}", th="ขอบคุณ {{ event.order_id }}")]
    texts.append(make_template("thanks", "email", en="Thank you", th="ขอบคุณ {{ event.nothing }}"))
    stop = Suppression.objects.create(
        channel="sms", address_hash=hash_address("sms", "+66812345678"), scope="marketing", cause="blocked", since=NOON
    )
    doubt = InboundMessage.objects.create(
        channel="sms", provider="sandbox", provider_id="1", from_address="+66812345678", body="STOPPED yesterday",
        reading="unclear", customer=customer, received_at=NOON,
    )  # fmt: skip
    row = ChannelSettings.objects.get(channel="email")
    ProviderState.objects.create(channel=row, breaker="tripped", last_error="401: the key is refused")
    for number, outcome in enumerate(("accepted", "temporary", "")):
        Attempt.objects.create(
            message=sms, token=str(number), provider="sandbox", started_at=timezone.now(), outcome=outcome,
            milliseconds=20,
        )  # fmt: skip
    return [
        "/", customer.get_absolute_url(),
        "/messages/", "/messages/?state=withheld&q=zzz", *(m.get_absolute_url() for m in (sms, email, unclear, held)),
        withheld.get_absolute_url(), "/messages/delivery/", "/messages/delivery/?days=7",
        "/messages/inbound/", doubt.get_absolute_url(),
        "/sandbox/", f"/sandbox/{sms.key}/", f"/sandbox/{email.key}/", "/sandbox/new/",
        "/templates/", "/templates/new/?channel=email",
        *(url for text in texts for url in (text.get_absolute_url(), f"{text.get_absolute_url()}edit/")),
        "/settings/channels/", "/settings/channels/sms/", "/settings/sending/", "/settings/sending/words/",
        "/settings/sending/quiet/new/",
        "/settings/channels/email/", "/settings/channels/line/",
        "/settings/topics/", "/settings/topics/new/", "/settings/topics/promotions/",
        "/settings/suppressions/?channel=sms&address=0812345678", "/settings/suppressions/new/",
        f"/settings/suppressions/{stop.pk}/lift/",
    ]  # fmt: skip


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_of_messaging_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language, first_name="Anya")
    assert [fault for address in addresses() for fault in faults(page, address)] == []


def test_an_sms_is_measured_while_it_is_typed_and_stays_on_the_page(manager: Page) -> None:
    customer = ploy()
    manager.goto(customer.get_absolute_url())
    manager.get_by_text("SMS", exact=True).first.click()
    manager.locator("textarea[name=sms-body]").press_sequentially("สวัสดีค่ะ", delay=10)
    expect(manager.locator("#meter-sms")).to_contain_text("61 characters left · UCS-2")
    manager.get_by_role("button", name="Send the SMS").click()
    expect(manager.locator(".toast")).to_contain_text("SMS queued.")
    expect(manager.get_by_role("region", name="Messages")).to_contain_text("สวัสดีค่ะ")
    assert Message.objects.get().body == "สวัสดีค่ะ"


def test_a_template_is_filled_in_for_the_customer_changed_and_sent(manager: Page) -> None:
    customer = ploy()
    make_template("thanks", en="Thank you, {{ customer.first_name }}!")
    make_template("ready", en="Order {{ event.order_id }} is ready")
    manager.goto(customer.get_absolute_url())
    manager.get_by_text("SMS", exact=True).first.click()
    manager.locator("#write-sms").get_by_role("link", name="Start from a template").click()
    text = manager.locator("textarea[name=sms-body]")
    manager.get_by_label("Start from").select_option("ready")
    expect(text).to_have_value("Order [order_id] is ready")
    expect(manager.locator("#write-sms .notice")).to_contain_text("event.order_id")
    manager.get_by_label("Start from").select_option("thanks")
    expect(text).to_have_value("Thank you, Ploy!")
    expect(manager.locator("#meter-sms")).to_contain_text("1 segment")
    assert not Message.objects.exists()
    text.press("End")
    text.press_sequentially(" See you.")
    manager.get_by_role("button", name="Send the SMS").click()
    expect(manager.locator(".toast")).to_contain_text("SMS queued.")
    assert Message.objects.get().body == "Thank you, Ploy! See you."


def test_the_customer_answers_stop_on_the_phone_and_nothing_more_goes_out(manager: Page) -> None:
    message = sent_to(ploy())
    manager.goto("/sandbox/")
    manager.get_by_role("link", name="Ploy").click()
    expect(manager.locator("#talk")).to_contain_text("Your order is on its way")
    field = manager.get_by_label("Answer as the customer")
    field.fill("STOP")
    field.press("Enter")
    expect(manager.locator("#talk .from-them")).to_contain_text("STOP")
    expect(field).to_have_value("")
    sender.send_due(now=timezone.now(), limit=10)
    expect(manager.locator("#talk")).to_contain_text("you will get no more messages from us")  # by itself
    expect(manager.locator("#talks")).to_contain_text("no more")
    assert sent_to(message.customer, body="One more").reason == "suppressed"


def test_what_is_typed_on_the_phone_outlives_what_arrives_meanwhile(manager: Page) -> None:
    message = sent_to(ploy())
    manager.goto(f"/sandbox/{message.key}/")
    manager.get_by_label("Answer as the customer").fill("I am still typ")
    sent_to(message.customer, body="One more thing")
    expect(manager.locator("#talk")).to_contain_text("One more thing")
    expect(manager.get_by_label("Answer as the customer")).to_have_value("I am still typ")


def test_a_number_that_blocks_adverts_is_played_on_the_phone(manager: Page) -> None:
    message = sent_to(ploy())
    manager.goto(f"/sandbox/{message.key}/")
    manager.locator(".bubble-foot summary").click()
    manager.get_by_role("button", name="Blocked").click()
    expect(manager.locator(".toast")).to_contain_text("The receipt is kept.")
    assert Suppression.objects.get().cause == "blocked"


def test_on_a_phone_the_page_is_the_phone(open_as: Open) -> None:
    message = sent_to(ploy())
    page = open_as(User.Role.MANAGER, size=PHONE)
    page.goto(f"/sandbox/{message.key}/")
    expect(page.locator("#talks")).not_to_be_visible()
    expect(page.get_by_label("Answer as the customer")).to_be_in_viewport()
    page.get_by_label("All conversations").tap()
    page.get_by_role("link", name="Ploy").tap()
    page.wait_for_url(f"**/sandbox/{message.key}/")


def test_the_preview_follows_the_typing(open_as: Open) -> None:
    page = open_as(User.Role.MARKETER, first_name="Mark")
    ploy()
    page.goto("/templates/new/?channel=sms")
    page.get_by_label("Name", exact=True).fill("Thanks")
    page.get_by_label("Short name").fill("thanks")
    page.get_by_label("Text (English)").press_sequentially("Hello {{ customer.name }}", delay=5)
    expect(page.locator("#preview .bubble")).to_have_text("Hello Ploy")
    expect(page.locator("#preview")).to_contain_text("1 segment")
    page.get_by_label("Text (English)").fill("Hello {{ customer.shoe }}")
    expect(page.locator("#preview")).to_contain_text("There is no such variable: customer.shoe")
    assert not Template.objects.exists()
    page.get_by_role("button", name="Save and use from now on").click()
    expect(page.locator(".errorlist")).to_contain_text("Line 1: There is no such variable: customer.shoe")
    page.get_by_label("Text (English)").fill("Hello {{ customer.name }}")
    page.get_by_role("button", name="Save and use from now on").click()
    expect(page.locator(".toast")).to_contain_text("Version 1 is live")
    assert Template.objects.get().live_version is not None


def test_the_switch_that_stops_everything_asks_first(manager: Page) -> None:
    manager.goto("/settings/channels/")
    manager.once("dialog", lambda dialog: dialog.dismiss())
    manager.get_by_role("button", name="Stop all sending").click()
    assert MessagingSettings.current().sending_on
    manager.once("dialog", lambda dialog: dialog.accept())
    manager.get_by_role("button", name="Stop all sending").click()
    expect(manager.get_by_role("heading", name="All sending is switched off")).to_be_visible()
    assert not MessagingSettings.current().sending_on


def test_the_log_narrows_as_one_types_and_keeps_its_state(manager: Page) -> None:
    MessageFactory(customer__name="Ploy", body="to Ploy", state=State.DELIVERED)
    MessageFactory(customer__name="Nok", body="to Nok", state=State.DELIVERED)
    MessageFactory(customer__name="Ploy", body="not sent", state=State.WITHHELD, reason="no_consent")
    manager.goto("/messages/")
    manager.get_by_role("link", name="delivered 2").click()
    expect(manager.locator("tbody tr")).to_have_count(2)
    manager.get_by_role("searchbox", name="Customer, number, address").press_sequentially("ploy", delay=20)
    expect(manager.locator("tbody tr")).to_have_count(1)
    expect(manager.locator("tbody")).to_contain_text("to Ploy")
    manager.wait_for_url("**/messages/?state=delivered&q=ploy*")


def test_a_queued_message_is_cancelled_where_it_stands(manager: Page) -> None:
    message = MessageFactory()
    manager.goto(message.get_absolute_url())
    manager.once("dialog", lambda dialog: dialog.accept())
    manager.get_by_role("button", name="Cancel the message").click()
    expect(manager.locator("#record")).to_contain_text("cancelled")
    assert Message.objects.get().state == "cancelled"


def test_an_unclear_message_is_found_and_decided_on(manager: Page) -> None:
    message = MessageFactory(state=State.UNKNOWN_FINAL, reason="no_answer", body="Still there?", wire_at=NOON)
    manager.goto("/messages/")
    manager.get_by_role("link", name="unclear 1").click()
    manager.get_by_role("link", name="Still there?").click()
    expect(manager.get_by_text("Nobody knows whether this message arrived.")).to_be_visible()
    manager.get_by_role("button", name="Treat as sent").click()
    expect(manager.locator(".toast")).to_contain_text("It counts as sent.")
    expect(manager.get_by_role("button", name="Treat as sent")).to_have_count(0)
    message.refresh_from_db()
    assert message.state == State.SENT


def test_an_address_is_looked_up_and_its_suppression_lifted_with_a_reason(open_as: Open) -> None:
    address = "+66812345678"
    stop = Suppression.objects.create(
        channel="sms", address_hash=hash_address("sms", address), scope="marketing", cause="stop", since=NOON
    )
    page = open_as(User.Role.ADMIN)
    page.goto("/settings/suppressions/")
    page.get_by_label("Number or address").fill("081 234 5678")
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("link", name="Lift").first.click()
    page.get_by_label("Why").fill("They asked for it at the counter.")
    page.get_by_role("button", name="Lift it").click()
    expect(page.locator(".toast")).to_be_visible()
    stop.refresh_from_db()
    assert stop.detail["lifted"]["reason"] == "They asked for it at the counter."


def test_the_phone_and_the_templates_work_without_scripts(browser: Browser, live_server: Any, open_as: Open) -> None:
    message = sent_to(ploy())
    make_template("thanks", en="Thank you, {{ customer.first_name }}!")
    signed_in = open_as(User.Role.MANAGER).context
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies(signed_in.cookies())
    page = context.new_page()
    page.goto(f"/sandbox/{message.key}/")
    page.get_by_label("Answer as the customer").fill("Thank you")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#talk")).to_contain_text("Thank you")
    page.goto("/templates/new/?channel=sms")
    page.get_by_label("Text (English)").fill("Hello {{ customer.name }}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Hello Ploy")
    assert Template.objects.count() == 1
    page.goto(message.customer.get_absolute_url())
    page.get_by_text("SMS", exact=True).first.click()
    page.locator("#write-sms").get_by_role("link", name="Start from a template").click()
    page.get_by_label("Start from").select_option("thanks")
    page.get_by_role("button", name="Fill in").click()
    expect(page.locator("textarea[name=sms-body]")).to_have_value("Thank you, Ploy!")
    page.get_by_role("button", name="Send the SMS").click()
    expect(page.get_by_role("region", name="Messages")).to_contain_text("Thank you, Ploy!")
    context.close()
