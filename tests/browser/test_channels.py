"""Connecting an SMS gateway, from an example to a test on one's own phone."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from crm.models import User
from messaging.models import ChannelSettings, Message
from tests.browser.conftest import Open
from tests.browser.test_accessibility import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
PAGE = "/settings/channels/sms/"


def test_a_gateway_is_connected_from_an_example_and_tried(open_as: Open) -> None:
    page = open_as(User.Role.ADMIN, email="anya@shop.example")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(PAGE)
    page.get_by_role("link", name="Another gateway, JSON").click()
    settings = page.get_by_label("Settings and credentials")
    example = settings.input_value()

    settings.fill(example.replace("message.body", "message.words"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("json.text unknown variable: message.words")
    assert "message.words" in settings.input_value()  # what was typed stays to be mended
    assert ChannelSettings.objects.get(channel="sms").provider != "http_sms"

    settings.fill(example)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter your own: API key.")
    page.get_by_label("API key").fill("key-1")
    page.get_by_label("A secret of your own").fill("tea4two4u")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("SMS is connected, and not tried yet: send yourself a test.")
    expect(page.get_by_role("region", name="What the provider tells us")).to_contain_text("/receipts/")
    expect(settings).to_have_value("")

    page.get_by_label("Your phone number").fill("081 234 5678")
    page.get_by_role("button", name="Send me a test").click()
    trial = page.locator("#trial")
    expect(trial).to_contain_text("queued")
    expect(trial).to_contain_text("+66812345678")
    # As the worker would; the browser's own loop leaves this thread no room for calls.
    Message.objects.update(state=Message.State.SENT, provider_reference="ref-1", sent_at=timezone.now())
    expect(trial).to_contain_text("ref-1")


def test_the_page_can_be_used_by_everybody_in_all_its_states(open_as: Open) -> None:
    for theme, language in (("light", "en"), ("dark", "th")):
        page = open_as(User.Role.ADMIN, theme=theme, language=language)
        assert faults(page, f"{PAGE}?start=http_sms:json") == []
