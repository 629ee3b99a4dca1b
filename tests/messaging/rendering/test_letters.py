from typing import Any

import pytest

from crm.models import Customer, Shop
from messaging.channels.reasons import Reason
from messaging.models import Message
from messaging.outbox.authoring import VariantIn, save_template
from messaging.rendering.letters import MAX_SEGMENTS, CannotCompose, Letter, Letters, as_html
from messaging.rendering.links import preferences_url, unsubscribe_url
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, make_template, topic

pytestmark = pytest.mark.django_db


def compose(message: Message) -> Letter:
    return Letters([message], Shop.current()).compose(message, message.customer)


def text(source: str, customer: Customer | None = None, **values: Any) -> Letter:
    row = {"customer": customer or CustomerFactory(), "is_literal": False, "body": "", "source_body": source}
    return compose(MessageFactory(**{**row, **values}))


def mail(**values: Any) -> Message:
    customer = CustomerFactory(email="ploy@example.com")
    row = {"customer": customer, "channel": "email", "address": customer.email, "subject": "Hello", "language": "en"}
    message: Message = MessageFactory(**{**row, **values})
    return message


def test_a_customers_own_data_fills_in() -> None:
    customer = CustomerFactory(name="Ploy Suk", phone="+66812345678", attributes={"size": "M"}, time_zone="Asia/Tokyo")
    letter = text(
        "{{ customer.first_name }}/{{ customer.name }}/{{ customer.phone }}/{{ customer.attributes.size }}/"
        "{{ shop.name }}/{{ event.at | date: '%H:%M' }}",
        customer,
        context={"event": {"at": "2026-03-04T15:30:00+00:00"}},
    )
    assert letter.body == f"Ploy/Ploy Suk/+66812345678/M/{Shop.current().name}/00:30"


def test_what_the_caller_brings_cannot_take_the_place_of_our_own_data() -> None:
    customer = CustomerFactory(name="Ploy")
    context = {"customer": {"name": "Mallory"}, "shop": {"name": "Evil"}, "links": {"unsubscribe": "http://evil"}}
    letter = text("{{ customer.name }} {{ shop.name }} {{ links.unsubscribe }}", customer, context=context)
    assert letter.body.startswith(f"Ploy {Shop.current().name} http://")
    assert "evil" not in letter.body.lower()


def test_links_are_signed_for_this_message_and_customer() -> None:
    message = MessageFactory(is_literal=False, body="", source_body="{{ links.unsubscribe }} {{ links.preferences }}")
    stop, settings = compose(message).body.split()
    assert stop == unsubscribe_url(message.public_id)
    # The preference link is stamped with the time, to the second.
    assert settings.startswith(preferences_url(message.customer.public_id).rsplit(".", 2)[0])


@pytest.mark.parametrize(
    ("language", "expected"),
    [("th", "สวัสดี"), ("th-TH", "สวัสดี"), ("TH", "สวัสดี"), ("en-GB", "Hello"), ("de", "Hello"), ("", "Hello")],
)
def test_the_variant_is_the_nearest_to_the_customers_language(language: str, expected: str) -> None:
    template = make_template("hello", en="Hello", th="สวัสดี")
    letter = text("", template=template, language=language)
    assert letter.body == expected


def test_a_text_that_only_exists_in_another_language_is_better_than_none() -> None:
    letter = text("", template=make_template("hello", de="Hallo"), language="th")
    assert (letter.body, letter.language) == ("Hallo", "de")


def test_a_text_message_counts_its_segments() -> None:
    assert text("สวัสดี" * 12).segments == 2
    assert text("Hello").segments == 1
    assert text("Hello", channel="line").segments == 0


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("{{ coupon.code }}", "missing variable: 'coupon' is undefined"),
        ("{% if false %}x{% endif %} ", "the text is empty"),
        ("x" * 153 * 11, f"11 segments; at most {MAX_SEGMENTS} are sent"),
        ("{% include 'x' %}", "unexpected tag 'include'"),
    ],
)
def test_a_text_that_cannot_be_sent_says_why(source: str, detail: str) -> None:
    with pytest.raises(CannotCompose) as refused:
        text(source)
    assert (refused.value.reason, refused.value.detail) == (Reason.TEMPLATE_ERROR, detail)


def test_a_template_that_was_never_published_is_no_template() -> None:
    with pytest.raises(CannotCompose) as refused:
        text("", template=make_template("draft", published=False, en="Not yet"))
    assert refused.value.reason == Reason.NO_TEMPLATE


def test_words_typed_by_a_person_are_left_as_they_are() -> None:
    assert compose(MessageFactory(body="{{ not.liquid }} 50 % off")).body == "{{ not.liquid }} 50 % off"


class TestEmail:
    def test_a_plain_text_gets_an_html_part_with_its_links_and_without_its_tags(self) -> None:
        letter = compose(mail(body="Dear <Ploy>,\n\nsee https://example.com/a?b=1&c=2.\nBye"))
        assert letter.html == (
            '<!doctype html><html lang="en"><body><p>Dear &lt;Ploy&gt;,</p>\n\n'
            '<p>see <a href="https://example.com/a?b=1&amp;c=2">https://example.com/a?b=1&amp;c=2</a>.<br>Bye</p>'
            "</body></html>"
        )
        assert letter.unsubscribe_url == ""

    def test_html_written_for_it_is_used_and_what_variables_bring_is_escaped(self) -> None:
        variant = VariantIn(
            "Hi {{ customer.name }}", subject="Hi {{ customer.name }}", html="<b>{{ customer.name }}</b>"
        )
        template = save_template(slug="hi", channel="email", variants={"en": variant}, now=NOON).template
        message = mail(template=template, is_literal=False, body="", subject="")
        message.customer.name = "<i>Ploy</i>"
        letter = compose(message)
        assert letter.html == "<b>&lt;i&gt;Ploy&lt;/i&gt;</b>"
        assert (letter.subject, letter.body) == ("Hi <i>Ploy</i>", "Hi <i>Ploy</i>")

    def test_marketing_carries_the_way_out_in_every_part(self) -> None:
        message = mail(topic=topic("promotions"), body="Sale!")
        letter = compose(message)
        way_out = unsubscribe_url(message.public_id)
        assert letter.unsubscribe_url == way_out
        assert letter.body == f"Sale!\n\n-- \nUnsubscribe: {way_out}"
        assert letter.html.endswith(f'<p><a href="{way_out}">Unsubscribe</a></p></body></html>')

    def test_a_text_that_has_the_way_out_already_is_left_alone(self) -> None:
        source = "Sale! Stop: {{ links.unsubscribe }}"
        letter = compose(mail(topic=topic("promotions"), is_literal=False, body="", source_body=source))
        assert letter.body.count("/u/") == 1
        assert letter.html.count("href=") == 1

    def test_html_without_a_body_tag_gets_it_at_the_end(self) -> None:
        variant = VariantIn("Sale", subject="Sale", html="<h1>Sale</h1>")
        template = save_template(slug="sale", channel="email", variants={"en": variant}, now=NOON).template
        letter = compose(mail(topic=topic("promotions"), template=template, is_literal=False, body=""))
        assert letter.html.startswith("<h1>Sale</h1><p><a href=")

    def test_a_name_with_a_line_break_starts_no_header(self) -> None:
        message = mail(is_literal=False, body="", source_subject="Hi {{ customer.name }}", source_body="Hi")
        message.customer.name = "Ploy\r\nBcc: everybody@example.com"
        assert compose(message).subject == "Hi Ploy Bcc: everybody@example.com"


def test_loading_the_texts_of_a_batch_costs_three_queries(django_assert_num_queries: Any) -> None:
    shop = Shop.current()
    messages = [
        MessageFactory(is_literal=False, body="", template=make_template(f"t{number}", en="Hi", th="ดี"))
        for number in range(5)
    ]
    with django_assert_num_queries(3):
        letters = Letters(messages, shop)
        for message in messages:
            letters.compose(message, message.customer)


def test_markup_in_a_text_is_shown_not_obeyed() -> None:
    html = as_html('<script>alert(1)</script> javascript:alert(1) https://a.example/"><b>', "en")
    assert "<script" not in html
    assert '<a href="https://a.example/&quot;' not in html
    assert "<b>" not in html
