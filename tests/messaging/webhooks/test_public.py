"""The public pages, through the URL map, as a mail provider or a browser without any cookie would call them."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Consent, ConsentEvent, Customer
from messaging.models import Message
from messaging.rendering.links import preferences_url, unsubscribe_url
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import MessageFactory, opt_in, topic

pytestmark = pytest.mark.django_db

ONE_CLICK = "List-Unsubscribe=One-Click"
MULTIPART = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def promotion() -> Message:
    customer = CustomerFactory(name="Ploy Suk", email="ploy@example.com", phone="+66812345678")
    opt_in(customer, "promotions", channel="email")
    return MessageFactory(customer=customer, channel="email", topic=topic("promotions"))


def path(url: str) -> str:
    return url.removeprefix("http://127.0.0.1:8000")


def state(message: Message) -> str:
    return Consent.objects.get(customer=message.customer, channel="email", topic__slug="promotions").state


class TestOneClick:
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (ONE_CLICK, "application/x-www-form-urlencoded"),
            (MULTIPART, "multipart/form-data; boundary=b"),
            ("", "text/plain"),
            ("--", "multipart/form-data; boundary=broken"),
        ],
    )  # fmt: skip
    def test_a_post_without_cookie_or_token_opts_out_and_sets_no_cookie(
        self, browser: Client, promotion: Message, body: str, content_type: str
    ) -> None:
        answer = browser.post(path(unsubscribe_url(promotion.public_id)), body, content_type=content_type)
        assert answer.status_code == 200
        assert not answer.cookies
        assert state(promotion) == "out"
        assert ConsentEvent.objects.get().via == "link"

    def test_twice_is_as_good_as_once(self, browser: Client, promotion: Message) -> None:
        for _ in range(2):
            answer = browser.post(path(unsubscribe_url(promotion.public_id)), {"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200
        assert ConsentEvent.objects.count() == 1

    @pytest.mark.parametrize("token", ["x", "0" * 32, "0" * 32 + ".abc", "%00", "ไม่มี"])
    def test_an_unknown_token_is_200_as_well_and_changes_nothing(
        self, browser: Client, promotion: Message, token: str
    ) -> None:
        answer = browser.post(f"/u/{token}/", {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert not ConsentEvent.objects.exists()
        assert state(promotion) == "in"

    @pytest.mark.parametrize("method", ["get", "head"])
    def test_a_scanner_that_follows_the_link_changes_nothing(
        self, browser: Client, promotion: Message, method: str
    ) -> None:
        answer = getattr(browser, method)(path(unsubscribe_url(promotion.public_id)), headers={"Purpose": "prefetch"})
        assert answer.status_code == 200
        assert not answer.cookies
        assert state(promotion) == "in"
        assert not ConsentEvent.objects.exists()

    def test_the_page_has_a_button_that_does_it(self, browser: Client, promotion: Message) -> None:
        page = browser.get(path(unsubscribe_url(promotion.public_id))).content.decode()
        assert re.search(r'<form method="post">\s*<button[^>]*type="submit"', page)
        assert "Promotions" in page
        assert "ploy" not in page.lower()

    def test_no_page_may_be_kept_by_a_cache(self, browser: Client, promotion: Message) -> None:
        answer = browser.get(path(unsubscribe_url(promotion.public_id)))
        assert "no-store" in answer.headers["Cache-Control"]

    def test_a_bad_link_to_read_is_not_found(self, browser: Client) -> None:
        assert browser.get("/u/nonsense/").status_code == 404

    def test_other_methods_are_refused(self, browser: Client, promotion: Message) -> None:
        assert browser.put(path(unsubscribe_url(promotion.public_id))).status_code == 405

    def test_a_thai_customer_reads_thai(self, browser: Client, promotion: Message) -> None:
        Customer.objects.update(language="th")
        answer = browser.get(path(unsubscribe_url(promotion.public_id)))
        assert answer.headers["Content-Language"] == "th"
        assert '<html lang="th">' in answer.content.decode()

    def test_after_a_merge_the_survivor_is_unsubscribed(self, browser: Client, promotion: Message) -> None:
        survivor = CustomerFactory()
        Message.objects.update(customer=survivor)
        browser.post(path(unsubscribe_url(promotion.public_id)))
        assert Consent.objects.filter(customer=survivor, state="out").exists()


class TestPreferences:
    def post(self, browser: Client, customer: Customer, **fields: str) -> Any:
        return browser.post(path(preferences_url(customer.public_id)), fields)

    def test_the_page_shows_the_choices_and_hides_the_person(self, browser: Client, promotion: Message) -> None:
        page = browser.get(path(preferences_url(promotion.customer.public_id))).content.decode()
        assert re.search(r'name="email\.promotions" checked>', page)
        assert re.search(r'name="sms\.promotions">', page)
        assert "+66 ••• 678" in page
        assert "p•••@e•••.com" in page
        assert "Ploy" not in page
        assert "812345678" not in page

    def test_saving_sets_what_is_ticked(self, browser: Client, promotion: Message) -> None:
        answer = self.post(browser, promotion.customer, **{"sms.order_updates": "on", "email.brand_news": "on"})
        assert answer.status_code == 200
        assert not answer.cookies
        assert "Saved." in answer.content.decode()
        states = promotion.customer.consents.values_list("channel", "topic__slug", "state")
        assert set(states) == {
            ("email", "promotions", "out"), ("email", "brand_news", "in"), ("email", "order_updates", "out"),
            ("email", "after_sales", "out"), ("sms", "after_sales", "out"),
        }  # fmt: skip

    def test_one_button_ends_all_marketing_and_leaves_service_messages_alone(
        self, browser: Client, promotion: Message
    ) -> None:
        self.post(browser, promotion.customer, nothing="1", **{"sms.promotions": "on"})
        assert set(promotion.customer.consents.values_list("channel", "topic__slug", "state")) == {
            ("email", "promotions", "out")
        }

    def test_reading_changes_nothing(self, browser: Client, promotion: Message) -> None:
        browser.get(path(preferences_url(promotion.customer.public_id)) + "?sms.promotions=on")
        assert not ConsentEvent.objects.exists()

    def test_bad_links_all_look_alike_and_guessing_is_stopped(
        self, browser: Client, promotion: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at = timezone.now().replace(second=1)  # so many in one minute, however long they take here
        monkeypatch.setattr("messaging.webhooks.public.timezone.now", lambda: at)
        good = path(preferences_url(promotion.customer.public_id))
        other = path(preferences_url(CustomerFactory().public_id)).split("/")[2]
        swapped = promotion.customer.public_id.hex + other[32:]
        tries = [good[:-2] + "/", f"/preferences/{swapped}/", "/preferences/guess/"]
        answers = [browser.get(url) for url in tries]
        assert [answer.status_code for answer in answers] == [404] * 3
        assert len({answer.content for answer in answers}) == 1
        statuses = [browser.get(f"/preferences/guess-{number}/").status_code for number in range(20)]
        assert statuses == [404] * 17 + [429] * 3
        refused = browser.get("/preferences/guess-again/")
        assert int(refused.headers["Retry-After"]) > 0
        assert browser.get(good).status_code == 200  # whoever has a good link is not kept out

    def test_an_erased_customer_has_no_page(self, browser: Client, promotion: Message) -> None:
        url = path(preferences_url(promotion.customer.public_id))
        Customer.objects.update(erased_at="2026-03-01T00:00:00Z")
        assert browser.get(url).status_code == 404

    def test_the_link_of_a_merged_record_leads_to_the_survivor(self, browser: Client, promotion: Message) -> None:
        survivor = CustomerFactory(email="survivor@example.com")
        url = path(preferences_url(promotion.customer.public_id))
        Customer.objects.filter(pk=promotion.customer_id).update(merged_into=survivor)
        assert "s•••@e•••.com" in browser.get(url).content.decode()
