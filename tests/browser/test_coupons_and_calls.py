"""A flow with a coupon and a call to another system is built card by card, published, run, and its code read."""

from __future__ import annotations

import orjson
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Coupon, HookDelivery
from journeys.flows import runner
from journeys.models import Flow
from messaging.models import Message
from messaging.outbox import sender
from tests.factories.crm import CustomerFactory, PromotionFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def test_a_code_is_given_written_and_told_to_another_system(manager: Page) -> None:
    PromotionFactory.create(slug="spring", name="Spring fair", percent=15)
    customer = CustomerFactory.create(name="Ploy")
    manager.goto("/journeys/flows/new/")
    manager.get_by_label("Name", exact=True).fill("Spring greeting")
    manager.get_by_role("button", name="Make the flow").click()
    panel = manager.get_by_role("complementary", name="What is chosen")

    manager.get_by_role("link", name="Add a first step").click()
    panel.get_by_role("link", name="Give a coupon").click()
    panel.get_by_label("Promotion").select_option(label="Spring fair")
    panel.get_by_role("button", name="Add").click()
    expect(manager.locator("#open-coupon")).to_contain_text("Give a coupon: Spring fair")

    manager.get_by_role("link", name="Add a step after “Give a coupon: Spring fair”").click()
    panel.get_by_role("link", name="Send a message").click()
    panel.get_by_label("Words").fill("Your code: {{ coupon.code }} for {{ coupon.value }}")
    panel.get_by_label("About").select_option(label="After-sales service")
    panel.get_by_role("button", name="Add").click()
    expect(manager.locator("#open-send")).to_contain_text("Your code")

    manager.get_by_role("link", name="Add a step after “SMS: Your code").click()
    panel.get_by_role("link", name="Call another system").click()
    panel.get_by_label("Address").fill("ftp://hooks.shop.example/in")
    panel.get_by_label("What it says, as JSON").fill('{"code": "{{ coupon.code }}"')
    panel.get_by_role("button", name="Add").click()
    expect(panel.locator(".errorlist").first).to_be_visible()
    panel.get_by_label("Address").fill("https://hooks.shop.example/in")
    panel.get_by_label("What it says, as JSON").fill('{"code": "{{ coupon.code }}", "who": "{{ customer.name }}"}')
    panel.get_by_role("button", name="Add").click()
    expect(manager.locator("#open-webhook")).to_contain_text("Call hooks.shop.example")

    manager.get_by_role("link", name="Publish…").click()
    manager.get_by_role("button", name="Publish").click()
    expect(manager.get_by_text("Version 1 is live.")).to_be_visible()

    manager.goto(f"/journeys/customers/{customer.public_id}/enrol/")
    manager.get_by_role("button", name="Start").click()
    expect(manager.locator(".toast")).to_be_visible()
    now = timezone.now()
    runner.run_due(now=now, limit=10)
    sender.send_due(now=now, limit=10)
    code, message = Coupon.objects.get(customer=customer).code, Message.objects.get()
    assert message.body == f"Your code: {code} for 15%"
    assert orjson.loads(HookDelivery.objects.get().body) == {"code": code, "who": "Ploy"}

    manager.goto(message.get_absolute_url())
    expect(manager.get_by_text(f"Your code: {code} for 15%").first).to_be_visible()
    manager.goto(f"/journeys/flows/{Flow.objects.get().slug}/runs/")
    manager.get_by_role("link", name="Ploy").click()
    expect(manager.get_by_role("heading", name="Coupons")).to_be_visible()
    expect(manager.get_by_text(code)).to_be_visible()
    expect(manager.get_by_text("https://hooks.shop.example/in")).to_be_visible()


def test_a_wait_by_the_product_is_chosen_in_the_builder(manager: Page) -> None:
    manager.goto("/journeys/flows/new/")
    manager.get_by_label("Name", exact=True).fill("Refill")
    manager.get_by_role("button", name="Make the flow").click()
    panel = manager.get_by_role("complementary", name="What is chosen")
    manager.get_by_role("link", name="Add a first step").click()
    panel.locator("a.step-wait").click()
    product = panel.get_by_label("Until", exact=True)
    expect(product).to_be_hidden()
    panel.get_by_label("by the product they ordered").check()
    expect(panel.get_by_role("textbox", name="Date")).to_be_hidden()
    product.select_option("repurchase_after")
    span = panel.get_by_role("group", name="So long before or after it")
    span.get_by_label("How long").fill("3")
    span.get_by_label("Before or after").select_option("before")
    panel.get_by_label("Who has no such date").select_option("path")
    panel.get_by_role("button", name="Add").click()
    expect(manager.locator("#open-wait")).to_contain_text(
        "Wait until 3 days before the first thing they ordered runs out"
    )
    assert Flow.objects.get().draft["steps"] == [
        {"id": "wait", "type": "wait", "until": {"product": "repurchase_after", "offset": "-P3D"}, "missing": []}
    ]
    panel.get_by_label("for so long").check()
    expect(product).to_be_hidden()
