"""Short links of our own domain, in messages as they leave."""

import re
import uuid
from typing import Any

import pytest

from crm.models import Shop
from messaging.models import Message, MessagingSettings, ShortLink
from messaging.outbox.sender import send_due
from messaging.rendering import links
from messaging.rendering.letters import CannotCompose, Letter, Letters
from messaging.rendering.shortening import TOKEN, LinkRules, Shortener, as_sent, measure_as_sent, token_of
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, make_template, opt_in, phone_of, topic

KEY = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
RULES = LinkRules("https://go.shop.example")
SHORT = rf"https://go\.shop\.example/({TOKEN})"


def test_a_token_is_the_same_on_every_try_and_another_for_every_message_and_address() -> None:
    one = token_of(KEY, "https://shop.example/a")
    assert re.fullmatch(TOKEN, one)
    assert one == token_of(KEY, "https://shop.example/a")
    others = {token_of(KEY, "https://shop.example/b"), token_of(uuid.UUID(int=1), "https://shop.example/a")}
    assert len(others | {one}) == 3


def test_another_key_of_the_installation_makes_other_tokens(settings: Any) -> None:
    one = token_of(KEY, "https://shop.example/a")
    settings.SECRET_KEY = "another"
    assert token_of(KEY, "https://shop.example/a") != one


def test_an_address_is_replaced_wherever_it_stands_and_the_sentence_keeps_its_stop() -> None:
    shortener = Shortener(RULES, KEY)
    text = shortener.text("See https://shop.example/a, or https://shop.example/b. Again: https://shop.example/a")
    token_a, token_b = (short.token for short in shortener.made)
    domain = RULES.domain
    assert text == f"See {domain}/{token_a}, or {domain}/{token_b}. Again: {domain}/{token_a}"
    assert [short.url for short in shortener.made] == ["https://shop.example/a", "https://shop.example/b"]


def test_short_links_and_endless_ones_stay_as_they_are() -> None:
    shortener = Shortener(RULES, KEY)
    for text in ("https://go.shop.example/1abcdefghi", f"https://shop.example/{'a' * 2000}", "no link"):
        assert shortener.text(text) == text
    assert shortener.made == ()


def test_in_html_only_where_links_lead_is_changed() -> None:
    shortener = Shortener(RULES, KEY)
    html = shortener.html(
        '<a href="https://shop.example/?a=1&amp;b=2">https://shop.example/</a><img src="https://x/y">'
    )
    (short,) = shortener.made
    assert html == f'<a href="{RULES.domain}/{short.token}">https://shop.example/</a><img src="https://x/y">'
    assert short.url == "https://shop.example/?a=1&b=2"


def compose(message: Message) -> Letter:
    return Letters([message], Shop.current()).compose(message, message.customer)


@pytest.fixture
def short_links(db: None) -> None:
    MessagingSettings.objects.update_or_create(pk=1, defaults={"link_domain": RULES.domain})


@pytest.mark.usefixtures("short_links")
class TestLetters:
    def test_an_sms_is_measured_with_the_short_link(self) -> None:
        letter = compose(MessageFactory(body=f"Look: https://shop.example/{'a' * 300}"))
        assert re.fullmatch(f"Look: {SHORT}", letter.body)
        assert letter.segments == 1

    def test_the_way_out_of_an_sms_is_shortened_and_known_as_such(self) -> None:
        message = MessageFactory(
            body="", is_literal=False, template=make_template("out", en="Out: {{ links.unsubscribe }}")
        )
        letter = compose(message)
        assert re.fullmatch(f"Out: {SHORT}", letter.body)
        (short,) = letter.short
        assert (short.is_way_out, short.url) == (True, links.unsubscribe_url(message.public_id))

    def test_an_email_keeps_its_links_until_the_shop_asks_for_it(self) -> None:
        message = MessageFactory(channel="email", address="a@example.com", subject="S", body="https://shop.example/a")
        assert compose(message).body == "https://shop.example/a"
        MessagingSettings.objects.update(shorten_email=True)
        letter = compose(message)
        assert re.fullmatch(SHORT, letter.body)
        assert f'href="{letter.body}"' in letter.html

    def test_the_way_out_of_an_email_stays_itself(self) -> None:
        MessagingSettings.objects.update(shorten_email=True)
        message = MessageFactory(
            channel="email", address="a@example.com", subject="S", topic=topic("promotions"), lane=1,
            body="Buy", is_literal=True,
        )  # fmt: skip
        letter = compose(message)
        assert letter.unsubscribe_url == links.unsubscribe_url(message.public_id)
        assert letter.unsubscribe_url in letter.body
        assert letter.short == ()

    def test_what_is_typed_is_measured_as_it_will_leave(self) -> None:
        assert re.fullmatch(f"Look: {SHORT}", as_sent("Look: https://shop.example/a", "sms"))
        assert as_sent("Look: https://shop.example/a", "email") == "Look: https://shop.example/a"
        text = f" Look: https://shop.example/{'a' * 200}\n"
        assert measure_as_sent(text).units == len("Look: https://go.shop.example/") + 10


@pytest.mark.django_db
def test_without_a_domain_of_our_own_links_stay() -> None:
    letter = compose(MessageFactory(body="https://shop.example/a"))
    assert (letter.body, letter.short) == ("https://shop.example/a", ())


@pytest.mark.django_db
class TestRegisteredDomains:
    @pytest.fixture(autouse=True)
    def registered(self) -> None:
        MessagingSettings.objects.update(registered_domains=["shop.example"])

    def test_a_link_that_data_brought_in_from_elsewhere_does_not_leave(self) -> None:
        template = make_template("t", en="Look: {{ event.url }}")
        message = MessageFactory(
            is_literal=False, body="", template=template, context={"event": {"url": "https://evil.example/a"}}
        )
        with pytest.raises(CannotCompose, match=r"a link to a domain that is not registered: https://evil\.example/a"):
            compose(message)

    def test_one_that_is_on_them_does(self) -> None:
        assert compose(MessageFactory(body="https://www.shop.example/a")).body == "https://www.shop.example/a"

    def test_email_may_link_to_anything(self) -> None:
        message = MessageFactory(channel="email", address="a@example.com", subject="S", body="https://evil.example/a")
        assert compose(message).body == "https://evil.example/a"


@pytest.mark.usefixtures("short_links")
class TestSending:
    def test_the_link_is_known_once_the_message_is_on_the_wire(self) -> None:
        customer = CustomerFactory(phone="+66812345678")
        opt_in(customer, "promotions")
        message = MessageFactory(customer=customer, topic=topic("promotions"), body="Look: https://shop.example/a")
        send_due(now=NOON, limit=10)
        link = ShortLink.objects.get()
        assert (link.message, link.url, link.is_way_out) == (message, "https://shop.example/a", False)
        assert phone_of(customer) == [f"Look: {RULES.domain}/{link.token}"]

    def test_a_message_that_may_not_leave_has_none(self) -> None:
        MessageFactory(topic=topic("promotions"), body="Look: https://shop.example/a")
        send_due(now=NOON, limit=10)
        assert not ShortLink.objects.exists()
