from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.models import Customer, Event, Identity, User
from messaging.models import Attempt, Message, Receipt
from messaging.outbox import sender
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.selectors import log
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory, later, sales_see_their_own
from tests.factories.messaging import MessageFactory, make_template, opt_in, topic

pytestmark = pytest.mark.django_db
State = Message.State


def page(client: Client, url: str = "/messages/", **headers: Any) -> str:
    response = client.get(url, headers=headers or None)
    assert response.status_code == 200
    return response.content.decode()


def table(client: Client, query: str) -> list[str]:
    """The texts of the rows, as the log shows them."""
    rows = client.get(f"/messages/{query}").context["page"].rows
    return [message.body for message in rows]


def policy_says(**changes: Any) -> Message:
    """A marketing message that was asked about for real."""
    customer = CustomerFactory(name="Ploy", phone="+66812345678")
    request = MessageRequest(
        customer_id=customer.pk, channel="sms", topic="promotions", body="Sale", dedupe_key="sale",
        cause={"kind": "flow", "flow": "win-back", "enrolment": 7, "step": "offer"}, **changes,
    )  # fmt: skip
    (message,) = queue_messages([request], now=NOON)
    sender.send_due(now=NOON, limit=10)
    message.refresh_from_db()
    return message


# --- The log --------------------------------------------------------------------------------------


def test_the_log_says_in_words_why_a_message_did_not_go_out(manager: Client) -> None:
    MessageFactory(state=State.WITHHELD, reason="no_consent", topic=topic("promotions"))
    MessageFactory(reason="quiet_hours", due_at=later(hours=8))
    MessageFactory(state=State.FAILED, reason="unknown_address")
    MessageFactory(state=State.UNKNOWN_FINAL, reason="no_answer")
    shown = page(manager)
    for words in (
        "No consent for this topic on this channel", "Quiet hours where the customer is, until",
        "The address does not exist", "The provider&#x27;s answer was lost",
    ):  # fmt: skip
        assert words in shown


def test_addresses_are_masked_for_those_who_may_not_see_them(sign_in: SignIn) -> None:
    MessageFactory(customer__name="Ploy", address="+66812345678")
    assert "+66 81 234 5678" in page(sign_in(User.Role.SUPPORT))
    masked = page(sign_in(User.Role.VIEWER))
    assert "+66 ••• 678" in masked
    assert "234 5678" not in masked
    assert "+66812345678" not in masked


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=held", ["held"]),
        ("?state=queued", ["waiting"]),
        ("?state=unclear", ["unclear"]),
        ("?channel=email", ["unclear"]),
        ("?topic=promotions", ["held"]),
        ("?template=review-request", ["waiting"]),
        ("?flow=win-back", ["held"]),
        ("?flow=nobody-knows", []),
        ("?q=ploy", ["held"]),
        ("?q=081-234", ["held"]),
        ("?q=nobody", []),
        ("?q=old@EXAMPLE.com", ["held"]),
        ("?state=held&channel=email", []),
        ("?cause=flow", ["held"]),
        ("?cause=broadcast", []),
    ],
)
def test_each_filter_narrows_the_log(manager: Client, query: str, found: list[str]) -> None:
    MessageFactory(
        body="held", reason="quiet_hours", topic=topic("promotions"), customer__name="Ploy Suwan",
        customer__phone="+66812345678", cause={"kind": "flow", "flow": "win-back", "step": "offer"},
    )  # fmt: skip
    Identity.objects.create(customer=Customer.objects.get(), kind="email", value="old@example.com")
    MessageFactory(body="waiting", template=make_template("review-request", en="How is it?"))
    MessageFactory(body="unclear", channel="email", address="a@example.com", state=State.UNKNOWN)
    assert table(manager, query) == found


def test_chips_count_what_each_state_holds_under_the_other_filters(manager: Client) -> None:
    MessageFactory.create_batch(3, state=State.DELIVERED)
    MessageFactory(state=State.DEAD, channel="email", address="a@example.com")
    MessageFactory(reason="quiet_hours")
    assert chips(manager, "") == {"held": "1", "delivered": "3", "failed": "1"}
    assert chips(manager, "?channel=email&state=failed") == {"failed": "1"}
    assert "1 message\n" in page(manager, "/messages/?channel=email&state=failed").replace("</span>", "\n")
    assert "5 messages\n" in page(manager).replace("</span>", "\n")


def chips(client: Client, query: str) -> dict[str, str]:
    """The numbers on the chips that hold something."""
    counts = client.get(f"/messages/{query}").context["counts"]
    return {view.key: str(count) for view, count in counts if count.number or count.is_more}


def test_counting_stops_where_nobody_needs_to_know_more(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "COUNTED", 2)
    MessageFactory.create_batch(4, state=State.SENT)
    assert '<span class="count">2+</span>' in page(manager)
    assert "more than 1,000 messages" in page(manager)


def test_of_what_no_index_finds_the_newest_are_counted(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "COUNTED_AMONG", 2)
    MessageFactory(channel="line", state=State.SENT)
    MessageFactory(channel="line", state=State.FAILED)
    MessageFactory.create_batch(2, state=State.SENT)
    assert chips(manager, "?channel=line") == {"sent": "0+", "failed": "1"}
    assert "at least 1 message\n" in page(manager, "/messages/?channel=line").replace("</span>", "\n")


def test_what_is_rare_is_looked_for_step_by_step(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "DEEP", 2)
    MessageFactory(channel="line", body="first of all")
    MessageFactory.create_batch(3)
    first = manager.get("/messages/?channel=line").context["page"]
    assert (first.rows, first.is_cut_short) == ([], True)
    assert "There may be some further back." in page(manager, "/messages/?channel=line")
    assert "Look further back" in page(manager, "/messages/?channel=line")
    assert table(manager, f"?channel=line&page={first.next}") == ["first of all"]


@pytest.mark.parametrize("query", ["?reason=refused", "?q=ploy", "?template=hello", "?flow=win-back"])
def test_what_an_index_finds_is_found_at_once(manager: Client, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    MessageFactory(
        body="first of all", state=State.FAILED, reason="refused", customer__name="Ploy",
        template=make_template("hello", en="Hi"), cause={"kind": "flow", "flow": "win-back"},
    )  # fmt: skip
    MessageFactory.create_batch(3, state=State.FAILED)
    monkeypatch.setattr(log, "DEEP", 2)
    assert table(manager, query) == ["first of all"]
    assert chips(manager, query) == {"failed": "1"}


@pytest.mark.postgres
@pytest.mark.parametrize(
    "query",
    [
        "", "?state=held", "?state=unclear", "?channel=sms", "?topic=promotions", "?provider=sandbox", "?cause=staff",
        "?reason=refused", "?template=hello", "?flow=win-back", "?q=ploy", "?state=failed&reason=refused&channel=line",
    ],
)  # fmt: skip
def test_no_filter_reads_the_whole_ledger(manager: Client, query: str) -> None:
    MessageFactory(customer__name="Ploy", template=make_template("hello", en="Hi"))
    with CaptureQueriesContext(connection) as asked:
        manager.get(f"/messages/{query}")
    selects = [
        row["sql"] for row in asked if 'FROM "messaging_message"' in row["sql"] or "_message WHERE" in row["sql"]
    ]
    assert len(selects) >= 3
    with connection.cursor() as cursor:
        # A table of one row is read whole unless that is made to look dear.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in selects:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on messaging_message" not in plan, sql


@pytest.mark.parametrize("query", ["?state=lost", "?channel=pigeon", "?topic=gossip", "?template=none", "?page=x"])
def test_an_address_that_names_what_there_is_not_is_refused(manager: Client, query: str) -> None:
    assert manager.get(f"/messages/{query}").status_code == 400


def test_an_empty_log_and_a_log_without_a_match_are_different_things(manager: Client) -> None:
    assert "Nobody has been written to yet." in page(manager)
    MessageFactory()
    nothing = page(manager, "/messages/?channel=email")
    assert "No message matches." in nothing
    assert "Nobody has been written to yet." not in nothing


def test_the_log_is_read_page_by_page_and_htmx_gets_the_rows_alone(manager: Client, htmx: Any) -> None:
    MessageFactory.create_batch(52, state=State.SENT)
    first = manager.get("/messages/").context["page"]
    assert len(first.rows) == 50
    rest = manager.get(f"/messages/?page={first.next}", headers=htmx("rows"))
    assert len(rest.context["page"].rows) == 2
    assert rest.content.decode().lstrip().startswith('<div id="rows"')


def test_the_log_costs_the_same_however_long_it_is(manager: Client, django_assert_max_num_queries: Any) -> None:
    MessageFactory.create_batch(2, template=make_template("hello", en="Hi"))
    with CaptureQueriesContext(connection) as few:
        manager.get("/messages/")
    MessageFactory.create_batch(30)
    with django_assert_max_num_queries(13) as many:
        manager.get("/messages/?q=customer&channel=sms&topic=order_updates")
    assert len(many) <= len(few)


def test_sales_who_see_their_own_customers_see_only_their_messages(sign_in: SignIn) -> None:
    sales_see_their_own()
    hidden = MessageFactory(body="not yours", customer__owner=User.objects.create(username="other"))
    client = sign_in(User.Role.SALES)
    MessageFactory(body="anybody's")
    assert table(client, "") == ["anybody's"]
    assert client.get(hidden.get_absolute_url()).status_code == 404


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get("/messages/").status_code == 302


# --- One message ----------------------------------------------------------------------------------


def test_a_message_shows_gate_by_gate_why_it_was_withheld(manager: Client) -> None:
    message = policy_says()
    context = manager.get(message.get_absolute_url()).context
    assert [(gate.title, gate.verdict) for gate in context["gates"]] == [
        ("Person", "passed"), ("Suppressed address", "passed"), ("Consent", "stopped"), ("Complaint", "not_asked"),
        ("Frequency", "not_asked"), ("Quiet hours", "not_asked"), ("Expiry", "not_asked"),
    ]  # fmt: skip
    assert context["gates"][2].detail == "never asked, and marketing needs a yes"
    assert (context["reading"].body, context["reading"].is_final) == ("Sale", False)
    shown = page(manager, message.get_absolute_url())
    assert "What it would have said" in shown
    assert "Flow win-back, step offer" in shown
    assert '<details class="gates" open>' in shown
    assert "When they say yes, record it on the customer&#x27;s page" in shown


def test_a_delivered_message_shows_its_text_its_calls_and_its_receipts(manager: Client) -> None:
    customer = CustomerFactory(name="Ploy", phone="+66812345678")
    opt_in(customer, "promotions")
    request = MessageRequest(
        customer_id=customer.pk, channel="sms", topic="promotions", body="Sale at {{ shop.name }}", dedupe_key="sale"
    )
    queue_messages([request], now=later(hours=-6))  # 13:00 in Bangkok
    sender.send_due(now=later(hours=-6), limit=10)
    message = Message.objects.get()
    context = manager.get(message.get_absolute_url()).context
    assert message.state == State.DELIVERED
    assert context["reading"].body == message.body
    assert {gate.verdict for gate in context["gates"]} == {"passed"}
    assert '<details class="gates">' in page(manager, message.get_absolute_url())  # nothing to explain
    assert [step.key for step in context["steps"]] == ["queued", "cleared", "wire", "sent", "delivered"]
    assert [(row.outcome, row.provider) for row in context["tries"]] == [("accepted", "sandbox")]
    assert [receipt.news for receipt in context["receipts"]] == ["delivered"]
    assert context["on_phone"] is True
    assert f"/sandbox/{message.key}/" in page(manager, message.get_absolute_url())


def test_a_message_that_waits_shows_what_it_would_say_now(manager: Client) -> None:
    template = make_template("hello", en="Hello {{ customer.first_name }}", th="สวัสดี {{ customer.first_name }}")
    message = MessageFactory(
        customer__name="Ploy Suwan", template=template, body="", is_literal=False, language="th", due_at=later(days=1)
    )
    context = manager.get(message.get_absolute_url()).context
    assert (context["reading"].body, context["reading"].language) == ("สวัสดี Ploy", "th")
    assert context["reading"].measure.encoding == "UCS-2"
    assert [step.key for step in context["steps"]] == ["queued", "due"]


def test_a_text_that_cannot_be_filled_in_says_what_is_missing(manager: Client) -> None:
    message = MessageFactory(template=make_template("hi", en="{{ event.code }}"), body="", is_literal=False)
    reading = manager.get(message.get_absolute_url()).context["reading"]
    assert (reading.body, reading.fault[:17]) == ("", "missing variable:")


def test_a_message_page_costs_a_fixed_number_of_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    message = MessageFactory(state=State.SENT)
    for n in range(4):
        Attempt.objects.create(message=message, token=str(n), provider="sandbox", started_at=NOON)
        Receipt.objects.create(
            provider="sandbox", event_id=str(n), message=message, news="sent", occurred_at=NOON, received_at=NOON
        )
    with django_assert_max_num_queries(14):
        manager.get(message.get_absolute_url())


def test_a_message_nobody_knows_is_not_found(manager: Client) -> None:
    assert manager.get(f"/messages/{uuid4()}/").status_code == 404


# --- Acting on one --------------------------------------------------------------------------------


def test_a_queued_message_can_be_taken_back(manager: Client) -> None:
    message = MessageFactory()
    response = manager.post(f"{message.get_absolute_url()}cancel/", follow=True)
    message.refresh_from_db()
    assert (message.state, message.reason) == ("cancelled", "stopped")
    assert "The message is cancelled." in response.content.decode()


def test_what_has_left_cannot_be_taken_back(manager: Client) -> None:
    message = MessageFactory(state=State.SENT)
    response = manager.post(f"{message.get_absolute_url()}cancel/", follow=True)
    message.refresh_from_db()
    assert message.state == "sent"
    assert "Too late" in response.content.decode()


def test_an_unclear_message_can_be_treated_as_sent(manager: Client) -> None:
    message = MessageFactory(state=State.UNKNOWN_FINAL, reason="no_answer", wire_at=NOON, ended_at=NOON)
    manager.post(f"{message.get_absolute_url()}resolve/", {"verdict": "sent"})
    message.refresh_from_db()
    assert (message.state, message.sent_at, message.detail) == ("sent", NOON, "sent: Mali")
    assert Event.objects.filter(name="Message Sent").count() == 1


def test_an_unclear_message_can_be_sent_again(manager: Client) -> None:
    message = MessageFactory(state=State.UNKNOWN, reason="no_answer", wire_at=NOON, unknown_at=NOON)
    manager.post(f"{message.get_absolute_url()}resolve/", {"verdict": "again"})
    message.refresh_from_db()
    assert (message.state, message.wire_at, message.unknown_at) == ("queued", None, None)
    assert not Event.objects.filter(name="Message Sent").exists()


def test_what_is_known_is_not_decided_again(manager: Client) -> None:
    message = MessageFactory(state=State.DELIVERED)
    response = manager.post(f"{message.get_absolute_url()}resolve/", {"verdict": "again"}, follow=True)
    message.refresh_from_db()
    assert message.state == "delivered"
    assert "What became of it is known by now." in response.content.decode()


def test_a_verdict_there_is_not_is_refused(manager: Client) -> None:
    message = MessageFactory(state=State.UNKNOWN)
    assert manager.post(f"{message.get_absolute_url()}resolve/", {"verdict": "maybe"}).status_code == 400


@pytest.mark.parametrize("role", [User.Role.VIEWER, User.Role.MARKETER])
@pytest.mark.parametrize("action", ["cancel", "resolve"])
def test_who_may_not_write_to_customers_may_not_act_on_messages(sign_in: SignIn, role: str, action: str) -> None:
    message = MessageFactory(state=State.UNKNOWN)
    client = sign_in(role)
    assert client.post(f"{message.get_absolute_url()}{action}/", {"verdict": "sent"}).status_code == 403
    shown = page(client, message.get_absolute_url())
    assert "Treat as sent" not in shown


def test_lists_of_trouble_lead_to_the_log(manager: Client) -> None:
    assert manager.get("/messages/unclear/").headers["Location"] == "/messages/?state=unclear"
    assert manager.get("/messages/failed/").headers["Location"] == "/messages/?state=failed"


def test_a_search_that_means_very_many_people_finds_them_all(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FEW", 1)
    for number in range(3):
        MessageFactory(customer__name=f"Ploy {number}", body=f"to {number}")
    assert table(manager, "?q=ploy") == ["to 2", "to 1", "to 0"]
