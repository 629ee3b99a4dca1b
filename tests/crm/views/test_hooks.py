"""Webhooks in Settings."""

from __future__ import annotations

import pytest
from django.test import Client

from crm.hooks.secrets import shop_secret
from crm.models import HookDelivery, User, WebhookEndpoint
from crm.services import hooks
from crm.services.hooks import HookCall
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON

pytestmark = pytest.mark.django_db
URL = "https://hooks.shop.example/in"


@pytest.fixture
def admin(sign_in: SignIn) -> Client:
    return sign_in(User.Role.ADMIN)


@pytest.fixture
def endpoint() -> WebhookEndpoint:
    return hooks.create_endpoint(
        url=URL, events=["Order Completed"], actor=None, now=NOON, description="Warehouse"
    ).endpoint


def call(endpoint: WebhookEndpoint | None = None, key: str = "one") -> HookDelivery:
    made = HookCall(
        url=URL, event="Order Completed", body={"n": 1}, dedupe_key=key, endpoint_id=endpoint.pk if endpoint else None,
        cause={"kind": "flow", "flow": "win-back", "step": "tell"},
    )  # fmt: skip
    return hooks.queue_calls([made], now=NOON)[0]


def test_an_endpoint_is_made_and_its_secret_shown_once(admin: Client) -> None:
    assert "Nobody is told of anything yet." in admin.get("/settings/webhooks/").content.decode()
    body = {"url": URL, "events": "Order Completed\nOrder Paid\n", "description": "Warehouse"}
    response = admin.post("/settings/webhooks/new/", body)
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.secret in response.content.decode()
    assert response["Cache-Control"] == "no-store"
    assert endpoint.events == ["Order Completed", "Order Paid"]
    for address in ("/settings/webhooks/", f"/settings/webhooks/{endpoint.public_id}/"):
        page = admin.get(address).content.decode()
        assert "Warehouse" in page
        assert endpoint.secret not in page


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://127.1/", "https://a.example:22/", "nonsense"])
def test_an_address_we_do_not_call_is_refused_beside_its_field(admin: Client, url: str) -> None:
    response = admin.post("/settings/webhooks/new/", {"url": url, "events": "x"})
    assert response.status_code == 422
    assert 'class="errorlist"' in response.content.decode() or "field-bad" in response.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_edited_switched_off_and_on_given_a_new_secret_and_deleted(
    admin: Client, endpoint: WebhookEndpoint
) -> None:
    page = f"/settings/webhooks/{endpoint.public_id}/"
    assert admin.post(f"{page}edit/", {"url": URL, "events": "Order Paid"}).status_code == 302
    assert admin.post(f"{page}edit/", {"url": "http://10.0.0.1/", "events": "x"}).status_code == 422
    admin.post(f"{page}change/", {"wish": "off"})
    endpoint.refresh_from_db()
    assert (endpoint.events, endpoint.is_active) == (["Order Paid"], False)
    WebhookEndpoint.objects.update(disabled_at=NOON, disabled_reason="refused: 503")
    assert "It took nothing for a day (refused: 503)" in admin.get(page).content.decode()
    admin.post(f"{page}change/", {"wish": "on"})
    before = endpoint.secret
    shown = admin.post(f"{page}change/", {"wish": "new-secret"}).content.decode()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_at) == (True, None)
    assert endpoint.secret != before
    assert endpoint.secret in shown
    assert admin.post(f"{page}change/", {"wish": "explode"}).status_code == 400
    admin.post(f"{page}change/", {"wish": "delete"})
    assert not WebhookEndpoint.objects.exists()


def test_calls_are_shown_by_state_and_made_again(admin: Client, endpoint: WebhookEndpoint) -> None:
    page = f"/settings/webhooks/{endpoint.public_id}/"
    assert "No call yet." in admin.get(page).content.decode()
    delivery = call(endpoint)
    again = f"/settings/webhooks/calls/{delivery.public_id}/again/"
    assert again not in admin.get(page).content.decode()
    assert "still in line" in admin.post(again, follow=True).content.decode()
    HookDelivery.objects.update(state="failed", reason="refused", status=503, detail="down", ended_at=NOON, attempts=9)
    shown = admin.get(f"{page}?state=failed").content.decode()
    assert "503 refused" in shown
    assert again in shown
    assert "No call in this state." in admin.get(f"{page}?state=delivered").content.decode()
    assert admin.post(again).status_code == 302
    delivery.refresh_from_db()
    assert delivery.state == "queued"


def test_the_secret_of_flows_is_shown_on_request_and_can_be_replaced(admin: Client) -> None:
    call()
    page = admin.get("/settings/webhooks/").content.decode()
    assert "win-back · tell" in page
    assert shop_secret() not in page
    assert shop_secret() in admin.get("/settings/webhooks/?show=secret").content.decode()
    before = shop_secret()
    admin.post("/settings/webhooks/secret/")
    assert shop_secret() != before


def test_a_secret_that_cannot_be_read_is_said(admin: Client, settings: object) -> None:
    shop_secret()
    settings.CREDENTIALS_KEY = "another-key-of-thirty-two-characters"  # type: ignore[attr-defined]
    page = admin.get("/settings/webhooks/?show=secret")
    assert page.status_code == 200
    assert "sealed with another CREDENTIALS_KEY" in page.content.decode()


def test_who_was_given_up_on_is_on_today(admin: Client, endpoint: WebhookEndpoint) -> None:
    assert "Warehouse" not in admin.get("/").content.decode()
    WebhookEndpoint.objects.update(is_active=False, disabled_at=NOON, disabled_reason="refused: 503")
    assert "Warehouse" in admin.get("/").content.decode()


def test_only_administrators_come_here(sign_in: SignIn, endpoint: WebhookEndpoint) -> None:
    for role in set(User.Role) - {User.Role.ADMIN}:
        client = sign_in(role)
        assert client.get("/settings/webhooks/").status_code == 403
        assert client.post("/settings/webhooks/secret/").status_code == 403
        assert "/settings/webhooks/" not in client.get("/settings/").content.decode()
