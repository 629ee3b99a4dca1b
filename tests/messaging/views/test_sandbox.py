import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from crm.models import Customer, Ticket, User
from messaging.models import ChannelSettings, InboundMessage, Message, SandboxText, Suppression
from messaging.outbox import sender
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory, sales_see_their_own

pytestmark = pytest.mark.django_db


def ploy(**fields: Any) -> Customer:
    return CustomerFactory(**{"name": "Ploy", "phone": "+66812345678", "email": "ploy@example.com", **fields})


def sent_to(customer: Customer, channel: str = "sms", body: str = "Your order is on its way") -> Message:
    """A service message that has arrived on the phone."""
    ChannelSettings.objects.update(provider="sandbox")
    request = MessageRequest(
        customer_id=customer.pk, channel=channel, topic="order_updates", subject="On its way", body=body,
        dedupe_key=f"sent:{Message.objects.count()}",
    )  # fmt: skip
    (message,) = queue_messages([request], now=NOON)
    sender.send_due(now=NOON, limit=10)
    message.refresh_from_db()
    return message


def talk(client: Client, message: Message) -> str:
    return client.get(f"/sandbox/{message.key}/").content.decode()


# --- Looking --------------------------------------------------------------------------------------


def test_the_phone_lists_conversations_with_the_latest_text_first(manager: Client) -> None:
    sent_to(ploy())
    sent_to(CustomerFactory(name="Somchai"), body="Hello Somchai")
    shown = manager.get("/sandbox/")
    assert [row.last.body for row in shown.context["talks"]] == ["Hello Somchai", "Your order is on its way"]
    assert [row.customer.name for row in shown.context["talks"]] == ["Somchai", "Ploy"]


def test_a_conversation_is_found_by_name_and_by_number(manager: Client) -> None:
    sent_to(ploy())
    sent_to(CustomerFactory(name="Somchai"))
    for query in ("plo", "234567"):
        assert [row.customer.name for row in manager.get(f"/sandbox/?q={query}").context["talks"]] == ["Ploy"]


def test_any_text_of_a_conversation_leads_to_it(manager: Client) -> None:
    first = sent_to(ploy())
    second = sent_to(first.customer, body="It has arrived")
    for message in (first, second):
        assert [row.text.body for row in manager.get(f"/sandbox/{message.key}/").context["bubbles"]] == [
            "Your order is on its way", "It has arrived",
        ]  # fmt: skip


def test_emails_are_letters_with_their_html_fenced_in(manager: Client) -> None:
    message = sent_to(ploy(), "email", "Hello <script>alert(1)</script>")
    shown = talk(manager, message)
    assert 'class="letter"' in shown
    assert "<script>alert(1)" not in shown
    letter = manager.get(f"/sandbox/{message.key}/letter/")
    assert "sandbox" in letter.headers["Content-Security-Policy"].split("; ")
    assert "script-src" not in letter.headers["Content-Security-Policy"]
    assert "default-src 'none'" in letter.headers["Content-Security-Policy"]


def test_a_text_message_has_no_letter(manager: Client) -> None:
    assert manager.get(f"/sandbox/{sent_to(ploy()).key}/letter/").status_code == 404


def test_addresses_on_the_phone_are_masked_for_viewers(sign_in: SignIn) -> None:
    message = sent_to(ploy())
    shown = talk(sign_in(User.Role.VIEWER), message)
    assert "+66 ••• 678" in shown
    assert "+66 81 234 5678" not in shown
    assert "+66 81 234 5678" in talk(sign_in(User.Role.SUPPORT), message)


def test_sales_who_see_their_own_customers_see_only_their_conversations(sign_in: SignIn) -> None:
    message = sent_to(ploy(owner=UserFactory()))
    sales_see_their_own()
    client = sign_in(User.Role.SALES)
    assert client.get("/sandbox/").context["talks"] == []
    assert client.get(f"/sandbox/{message.key}/").status_code == 404
    assert client.get(f"/sandbox/{message.key}/letter/").status_code == 404
    assert client.post(f"/sandbox/{message.key}/reply/", {"body": "Hi"}).status_code == 404
    assert not InboundMessage.objects.exists()


def test_without_a_sandbox_channel_the_page_says_where_messages_go(sign_in: SignIn) -> None:
    message = sent_to(ploy())
    ChannelSettings.objects.update(provider="smtp")
    for url in ("/sandbox/", f"/sandbox/{message.key}/", "/sandbox/new/"):
        shown = sign_in(User.Role.ADMIN).get(url).content.decode()
        assert "messages go to real people" in shown
        assert "Your order is on its way" not in shown


def test_an_unknown_text_is_not_found(manager: Client) -> None:
    sent_to(ploy())
    assert manager.get("/sandbox/0123456789abcdef/").status_code == 404


def test_the_phone_costs_a_fixed_number_of_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    for customer in CustomerFactory.create_batch(6):
        message = sent_to(customer)
    with django_assert_max_num_queries(12):
        manager.get(f"/sandbox/{message.key}/")


# --- Staying up to date ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["talk", "talks"])
def test_a_poll_gets_an_answer_only_when_something_has_changed(manager: Client, htmx: Any, name: str) -> None:
    message = sent_to(ploy())
    url = f"/sandbox/{message.key}/"
    seen = manager.get(url).context[f"{name}_seen"]
    assert manager.get(f"{url}?seen={seen}", headers=htmx(name)).status_code == 204
    sent_to(message.customer, body="One more")
    answer = manager.get(f"{url}?seen={seen}", headers=htmx(name))
    assert answer.status_code == 200
    assert "One more" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    assert f"?seen={seen}" not in answer.content.decode()


def test_a_receipt_from_elsewhere_is_a_change(manager: Client, htmx: Any) -> None:
    message = sent_to(ploy())
    Message.objects.update(state="sent")
    url = f"/sandbox/{message.key}/"
    seen = manager.get(url).context["talk_seen"]
    Message.objects.update(state="delivered")
    assert manager.get(f"{url}?seen={seen}", headers=htmx("talk")).status_code == 200


# --- Being the customer ---------------------------------------------------------------------------


def test_an_answer_comes_in_as_from_any_network(manager: Client) -> None:
    message = sent_to(ploy())
    answered = manager.post(f"/sandbox/{message.key}/reply/", {"body": "Where is it now?"}, follow=True)
    inbound = InboundMessage.objects.get()
    assert (inbound.from_address, inbound.reading, inbound.customer) == ("+66812345678", "message", message.customer)
    assert Ticket.objects.get().customer == message.customer
    assert "Where is it now?" in answered.content.decode()


def test_htmx_gets_the_conversation_back_and_an_empty_field(manager: Client, htmx: Any) -> None:
    message = sent_to(ploy())
    answer = manager.post(f"/sandbox/{message.key}/reply/", {"body": "Hi"}, headers=htmx("talk"), follow=True)
    shown = answer.content.decode()
    assert shown.lstrip().startswith('<div id="talk"')
    assert 'id="phone-body"' in shown
    assert 'hx-swap-oob="true"' in shown
    assert "The shop has it." in shown


def test_stop_stops(manager: Client) -> None:
    message = sent_to(ploy())
    manager.post(f"/sandbox/{message.key}/reply/", {"body": " StOp. "})
    stop = Suppression.objects.get()
    assert (stop.channel, stop.scope, stop.cause) == ("sms", "all", "stop")
    sender.send_due(now=timezone.now(), limit=10)
    sent_to(message.customer, body="One more thing")
    texts = SandboxText.objects.filter(is_from_us=True).order_by("pk").values_list("body", flat=True)
    assert len(texts) == 2  # the first message, and the one answer to STOP
    assert "no more messages" in texts[1]
    assert Message.objects.get(source_body="One more thing").reason == "suppressed"


def test_an_empty_answer_is_no_answer(manager: Client) -> None:
    message = sent_to(ploy())
    answered = manager.post(f"/sandbox/{message.key}/reply/", {"body": "  "}, follow=True)
    assert "This field is required." in answered.content.decode()
    assert not InboundMessage.objects.exists()


def test_somebody_unknown_can_write_and_becomes_a_customer(manager: Client) -> None:
    ChannelSettings.objects.update(provider="sandbox")
    answered = manager.post(
        "/sandbox/new/", {"channel": "sms", "address": "081 999 8888", "body": "Do you have lamps?"}, follow=True
    )
    assert Customer.objects.get().phone == "+66819998888"
    assert "Do you have lamps?" in answered.content.decode()


def test_a_number_that_is_none_is_refused_and_the_form_kept(manager: Client) -> None:
    ChannelSettings.objects.update(provider="sandbox")
    answer = manager.post("/sandbox/new/", {"channel": "sms", "address": "banana", "body": "Do you have lamps?"})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"address": ["Not a phone number"]}
    assert "Do you have lamps?" in answer.content.decode()
    assert not Customer.objects.exists()


# --- Being the network ----------------------------------------------------------------------------


def test_a_message_can_be_reported_undelivered(manager: Client) -> None:
    message = sent_to(ploy())
    Message.objects.update(state="sent")
    answered = manager.post(f"/sandbox/{message.key}/receipt/", {"news": "undelivered"}, follow=True)
    message.refresh_from_db()
    assert (message.state, message.reason) == ("failed", "undelivered")
    assert "The message is failed now." in answered.content.decode()


def test_a_delivered_message_stays_delivered(manager: Client) -> None:
    message = sent_to(ploy())
    answered = manager.post(f"/sandbox/{message.key}/receipt/", {"news": "undelivered"}, follow=True)
    message.refresh_from_db()
    assert message.state == "delivered"
    assert "A message that is delivered stays so." in answered.content.decode()


def test_a_number_that_blocks_adverts_gets_no_more_of_them(manager: Client) -> None:
    message = sent_to(ploy())
    manager.post(f"/sandbox/{message.key}/receipt/", {"news": "blocked"})
    assert Suppression.objects.values_list("scope", "cause").get() == ("marketing", "blocked")


@pytest.mark.parametrize("news", ["complained", "exploded", ""])
def test_news_without_a_button_is_not_found(manager: Client, news: str) -> None:
    message = sent_to(ploy())
    assert manager.post(f"/sandbox/{message.key}/receipt/", {"news": news}).status_code == 404


@pytest.mark.parametrize("role", [User.Role.VIEWER, User.Role.MARKETER])
def test_who_may_not_write_to_customers_may_not_play_them_either(sign_in: SignIn, role: str) -> None:
    message = sent_to(ploy())
    client = sign_in(role)
    assert client.post(f"/sandbox/{message.key}/reply/", {"body": "STOP"}).status_code == 403
    assert client.post(f"/sandbox/{message.key}/receipt/", {"news": "blocked"}).status_code == 403
    assert client.get("/sandbox/new/").status_code == 403
    assert 'id="phone-body"' not in talk(client, message)
    assert not Suppression.objects.exists()


def test_a_reply_on_a_ticket_shows_up_on_the_phone(manager: Client) -> None:
    ChannelSettings.objects.update(provider="sandbox")
    ticket = TicketFactory(customer=ploy(), channel="sms")
    manager.post(f"{ticket.get_absolute_url()}reply/", {"staff-body": "We are looking into it"})
    message = Message.objects.get()
    assert message.cause["kind"] == "ticket"
    assert f"Reply on ticket {ticket.number}" in manager.get(message.get_absolute_url()).content.decode()


def test_the_files_of_a_reply_are_on_the_phone_and_named_on_the_message(manager: Client) -> None:
    ChannelSettings.objects.update(provider="sandbox")
    ChannelSettings.objects.create(channel="line", provider="sandbox")
    ticket = TicketFactory(customer=ploy(line_id="U1"), channel="line")
    files = [
        SimpleUploadedFile("leak.png", b"\x89PNG\r\n\x1a\n"),
        SimpleUploadedFile("bill.pdf", b"%PDF-1.7"),
    ]
    manager.post(f"{ticket.get_absolute_url()}reply/", {"staff-body": "See here", "staff-attached": files})
    sender.send_due(now=timezone.now(), limit=10)
    message = Message.objects.get()
    shown = talk(manager, message)
    picture = re.search(r'<img src="(/f/[^"]+)" alt="leak.png"', shown)
    assert picture
    assert manager.get(picture[1])["Content-Type"] == "image/png"
    assert "bill.pdf: <a" in shown
    page = manager.get(message.get_absolute_url()).content.decode()
    assert page.count(" download>") == 2
    assert page.count("leak.png") == 1
