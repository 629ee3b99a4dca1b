"""axe-core finds nothing serious, nothing sticks out: every page, both themes, both languages, any size."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from crm.models import ApiKey, Customer, Purchase, Source, Ticket, Touchpoint, User
from crm.services import coupons, hooks
from crm.services.hooks import HookCall
from tests.browser.conftest import DESKTOP, PHONE, Open
from tests.factories.crm import NOON, PromotionFactory
from tests.factories.shop import fill_shop

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
TABLET = {"width": 820, "height": 1180}
# Emails are drawn in frames of an origin of their own, which axe cannot talk to.
OWN_FRAMES_APART = {"iframes": False, "resultTypes": ["violations"]}
# The page may scroll no sideways; inside it, wide tables and charts may.
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def addresses() -> list[str]:
    """Every page there is, with something on it."""
    fill_shop(2)
    Source.objects.create(name="Web shop", slug="web")
    ApiKey.objects.create(name="Warehouse", prefix="wm_live_1", hashed="x", scopes=["events:write"])
    coupons.create_codes(PromotionFactory.create(slug="spring"), 3, now=NOON)
    endpoint = hooks.create_endpoint(url="https://erp.example/in", events=["x"], actor=None, now=NOON).endpoint
    hooks.queue_calls(
        [HookCall(url=endpoint.url, event="x", body={}, dedupe_key="one", endpoint_id=endpoint.pk)], now=NOON
    )
    customer, ticket = Customer.objects.earliest("pk"), Ticket.objects.earliest("pk")
    one = customer.get_absolute_url()
    return [
        "/", "/search/?q=customer", "/search/?q=nothing", "/search/",
        "/customers/", "/customers/?q=zzz", "/customers/new/", one, f"{one}edit/phone/", f"{one}edit/time_zone/",
        f"{one}tickets/new/", f"{one}reviews/new/", f"{one}purchases/new/", f"{one}sms/", f"{one}email/",
        "/purchases/", Purchase.objects.earliest("pk").get_absolute_url(),
        "/inbox/", "/inbox/?queue=solved", ticket.get_absolute_url(), "/reviews/",
        "/reach/", "/reach/new/", f"/reach/{Touchpoint.objects.get().public_id}/",
        "/promotions/", "/promotions/new/", "/promotions/redeem/", "/promotions/spring/", "/promotions/spring/edit/",
        "/settings/webhooks/?show=secret", "/settings/webhooks/new/",
        f"/settings/webhooks/{endpoint.public_id}/", f"/settings/webhooks/{endpoint.public_id}/edit/",
        "/settings/", "/settings/shop/", "/settings/staff/", "/settings/staff/new/", "/settings/roles/",
        "/settings/sources/?show=web", "/settings/sources/new/", "/settings/sources/web/edit/",
        "/settings/keys/", "/settings/keys/new/",
        "/settings/reactions/", "/profile/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/",
    ]  # fmt: skip


def faults(page: Page, address: str) -> list[str]:
    """What axe-core finds serious, and what makes a screen of any size scroll sideways."""
    page.set_viewport_size(DESKTOP)
    page.goto(address)
    found = [
        f"{address}: {violation['id']} {node['target']} {node['any'][0]['message'] if node['any'] else ''}"
        for violation in Axe().run(page, options=OWN_FRAMES_APART).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
    for size in (DESKTOP, TABLET, PHONE):
        page.set_viewport_size(size)
        if (over := page.evaluate(STICKS_OUT)) > 0:
            found.append(f"{address}: sticks out by {over} px at {size['width']}")
    return found


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language, first_name="Anya")
    assert [fault for address in addresses() for fault in faults(page, address)] == []


@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"])
def test_so_can_the_pages_before_signing_in(open_as: Open, address: str) -> None:
    assert faults(open_as(), address) == []
