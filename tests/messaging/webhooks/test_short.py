"""The door behind short links."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import ConsentEvent, Event
from messaging.models import Click, Message, ShortLink
from messaging.rendering import links
from messaging.services import clicks, retention
from messaging.webhooks import short
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory, make_template, opt_in, topic

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile Safari/604.1"
PERSON = Client(headers={"User-Agent": PHONE}, REMOTE_ADDR="203.0.113.77")


@pytest.fixture
def link() -> ShortLink:
    message = MessageFactory(
        state="sent", template=make_template("sale", en="x"), cause={"kind": "flow", "flow": "win-back"}
    )
    return ShortLink.objects.create(token="1abcDEF234", message=message, url="https://shop.example/sale?a=1")


def test_it_leads_on_and_remembers_the_first_click_of_a_person(link: ShortLink) -> None:
    answer = PERSON.get(f"/{link.token}")
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/sale?a=1")
    assert answer["X-Robots-Tag"] == "noindex"
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    click = Click.objects.get()
    assert (click.link, click.ip, click.user_agent, click.is_bot) == (link, "203.0.113.0", PHONE, False)
    link.message.refresh_from_db()
    assert link.message.clicked_at == click.at


def test_the_click_is_a_fact_of_the_customer_once(link: ShortLink) -> None:
    PERSON.get(f"/{link.token}")
    PERSON.get(f"/{link.token}")
    fact = Event.objects.get(name="Message Clicked")
    assert fact.customer == link.message.customer
    assert fact.properties == {
        "message": str(link.message.public_id), "channel": "sms", "topic": "order_updates", "template": "sale",
        "cause": {"kind": "flow", "flow": "win-back"}, "url": "https://shop.example/sale?a=1",
    }  # fmt: skip
    assert Click.objects.count() == 2


@pytest.mark.parametrize(
    ("headers", "because"),
    [
        ({"User-Agent": "facebookexternalhit/1.1;line-poker/1.0"}, "facebookexternalhit"),
        ({"User-Agent": PHONE, "Sec-Purpose": "prefetch"}, "Sec-Purpose"),
    ],
)
def test_a_machine_is_led_on_and_counts_for_nothing(link: ShortLink, headers: dict[str, str], because: str) -> None:
    assert Client().get(f"/{link.token}", headers=headers).status_code == 302
    assert Click.objects.get().bot_because == because
    assert not Message.objects.filter(clicked_at__isnull=False).exists()
    assert not Event.objects.filter(name="Message Clicked").exists()


def test_asking_for_headers_only_is_a_machine(link: ShortLink) -> None:
    assert PERSON.head(f"/{link.token}").status_code == 302
    assert Click.objects.get().bot_because == "HEAD"


def test_a_person_after_a_machine_still_counts(link: ShortLink) -> None:
    PERSON.head(f"/{link.token}")
    PERSON.get(f"/{link.token}")
    assert Event.objects.filter(name="Message Clicked").count() == 1


def test_following_the_way_out_changes_no_consent_and_is_no_sign_of_interest() -> None:
    message = MessageFactory(state="sent", topic=topic("promotions"))
    opt_in(message.customer, "promotions")
    url = links.unsubscribe_url(message.public_id)
    ShortLink.objects.create(token="1abcDEF234", message=message, url=url, is_way_out=True)
    assert PERSON.get("/1abcDEF234")["Location"] == url
    assert not ConsentEvent.objects.exists()
    assert not Event.objects.filter(name__in=["Message Clicked", "Message Unsubscribed"]).exists()
    assert Click.objects.count() == 1


def test_nobody_posts_to_a_link(link: ShortLink) -> None:
    assert PERSON.post(f"/{link.token}").status_code == 405


def test_a_link_we_never_made_is_not_found_and_trying_many_is_refused(time_machine: Any) -> None:
    time_machine.move_to(NOON, tick=False)
    client = Client(REMOTE_ADDR="203.0.113.9")
    answers = [client.get(f"/1abcDEF{number:03}").status_code for number in range(21)]
    assert answers == [404] * 20 + [429]


def test_a_flood_of_calls_is_led_on_and_leaves_no_more_notes(link: ShortLink, time_machine: Any) -> None:
    time_machine.move_to(NOON, tick=False)
    answers = {PERSON.get(f"/{link.token}").status_code for _ in range(short.NOTED_PER_MINUTE + 3)}
    assert answers == {302}
    assert Click.objects.count() == short.NOTED_PER_MINUTE


def test_networks_are_forgotten_after_a_month(link: ShortLink) -> None:
    old = Click.objects.create(link=link, at=NOON - timedelta(days=31), ip="203.0.113.0", user_agent=PHONE)
    young = Click.objects.create(link=link, at=NOON - timedelta(days=29), ip="203.0.113.0", user_agent=PHONE)
    assert retention.forget_some(now=NOON)["networks of clicks"] == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.ip, old.user_agent, young.ip) == (None, PHONE, "203.0.113.0")


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("", None),
        ("garbage", None),
    ],
)
def test_an_address_is_cut_to_its_network(ip: str, network: str | None) -> None:
    assert clicks.network_of(ip) == network


# --- Their time is over ---------------------------------------------------------------------------------


def made(link: ShortLink, **ago: float) -> None:
    ShortLink.objects.filter(pk=link.pk).update(created_at=timezone.now() - timedelta(**ago))


def test_after_its_time_a_link_says_so_and_notes_nobody(link: ShortLink) -> None:
    made(link, days=400, minutes=1)
    answer = PERSON.get(f"/{link.token}")
    assert (answer.status_code, answer["Content-Language"]) == (410, "en")
    assert "This link has expired" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert not answer.cookies
    assert not Click.objects.exists()
    assert not Message.objects.filter(clicked_at__isnull=False).exists()


def test_until_then_it_leads_on(link: ShortLink) -> None:
    made(link, days=399, hours=23)
    assert PERSON.get(f"/{link.token}").status_code == 302


def test_the_page_speaks_the_language_the_browser_asks_for(link: ShortLink) -> None:
    made(link, days=401)
    answer = PERSON.get(f"/{link.token}", headers={"Accept-Language": "th"})
    assert (answer.status_code, answer["Content-Language"]) == (410, "th")


def test_the_shop_says_for_how_long(link: ShortLink) -> None:
    retention.keep_for(keep_links_days=7)
    made(link, days=8)
    assert PERSON.get(f"/{link.token}").status_code == 410


def test_a_way_out_leads_on_for_ever(link: ShortLink) -> None:
    ShortLink.objects.update(is_way_out=True)
    made(link, days=4_000)
    retention.forget_some(now=timezone.now())
    assert PERSON.get(f"/{link.token}").status_code == 302


def test_links_are_forgotten_some_time_after_and_that_somebody_followed_them_stays(link: ShortLink) -> None:
    now = timezone.now()
    PERSON.get(f"/{link.token}")
    made(link, days=489)
    assert retention.forget_some(now=now)["short links"] == 0
    made(link, days=491)
    assert retention.forget_some(now=now)["short links"] == 1
    assert not ShortLink.objects.exists()
    assert Message.objects.filter(clicked_at__isnull=False).count() == 1
    assert PERSON.get(f"/{link.token}").status_code == 404
