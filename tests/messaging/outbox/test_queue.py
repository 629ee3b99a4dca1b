from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.lib import bell
from crm.models import Customer, Event, Shop
from crm.services import consents
from messaging.models import Message
from messaging.models.suppression import hash_address
from messaging.outbox.addresses import suppress
from messaging.outbox.queue import InvalidRequest, MessageRequest, queue_messages
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db


def request_for(customer: Customer, **changes: Any) -> MessageRequest:
    values: dict[str, Any] = {
        "customer_id": customer.pk, "channel": "sms", "topic": "order_updates", "body": "Hello",
        "dedupe_key": f"to:{customer.pk}",
    }  # fmt: skip
    return MessageRequest(**{**values, **changes})


def queue_one(customer: Customer, **changes: Any) -> Message:
    (message,) = queue_messages([request_for(customer, **changes)], now=NOON)
    return message


def test_a_message_waits_on_the_ledger_for_the_address_and_language_of_the_customer() -> None:
    customer = CustomerFactory(phone="+66812345678", language="th")
    message = queue_one(customer, context={"order": {"order_id": "7"}}, cause={"kind": "flow", "flow": "thanks"})
    stored = Message.objects.get()
    assert stored == message
    assert (stored.state, stored.address, stored.language) == ("queued", "+66812345678", "th")
    assert stored.address_hash == hash_address("sms", "+66812345678")
    assert (stored.lane, stored.planned_at, stored.due_at, stored.expires_at) == (
        Message.Lane.SERVICE,
        NOON,
        NOON,
        None,
    )
    assert (stored.context, stored.cause) == ({"order": {"order_id": "7"}}, {"kind": "flow", "flow": "thanks"})
    assert stored.source_body == "Hello"
    assert stored.body == ""  # filled in when it is sent


def test_a_customer_without_a_language_is_written_to_in_the_shops() -> None:
    assert queue_one(CustomerFactory(language="")).language == "en"


def test_a_test_may_ask_for_another_language() -> None:
    assert queue_one(CustomerFactory(language="th"), language="en").language == "en"


def test_the_same_key_again_is_the_first_message_untouched() -> None:
    customer = CustomerFactory()
    first = queue_one(customer)
    again = queue_one(customer, body="Something else")
    assert again == first
    assert again.source_body == "Hello"
    assert Message.objects.count() == 1


def test_one_key_twice_in_a_batch_is_one_message() -> None:
    customer = CustomerFactory()
    first, second = queue_messages([request_for(customer), request_for(customer)], now=NOON)
    assert first == second
    assert Message.objects.count() == 1


def test_messages_come_back_in_the_order_of_their_requests() -> None:
    old, new, other = CustomerFactory.create_batch(3)
    known = queue_one(old)
    found = queue_messages([request_for(new), request_for(old), request_for(other)], now=NOON)
    assert [message.customer_id for message in found] == [new.pk, old.pk, other.pk]
    assert found[1] == known


def test_it_is_not_due_before_its_time() -> None:
    later = NOON + timedelta(hours=3)
    message = queue_one(CustomerFactory(), not_before=later, expires_at=later + timedelta(days=1))
    assert (message.planned_at, message.due_at) == (later, later)
    past = queue_one(CustomerFactory(), not_before=NOON - timedelta(hours=3))
    assert past.planned_at == NOON


def test_the_topic_says_whether_it_is_marketing() -> None:
    assert queue_one(CustomerFactory(), topic="promotions").lane == Message.Lane.MARKETING


def test_whoever_has_no_phone_gets_the_mail_that_the_flow_falls_back_to() -> None:
    message = queue_one(CustomerFactory(phone="", email="ploy@example.com"), fallback=("line", "email"))
    assert (message.channel, message.address, message.state) == ("email", "ploy@example.com", "queued")


@pytest.mark.parametrize("topic", ["order_updates", "promotions"])
def test_whoever_opted_out_of_texts_and_not_of_mail_gets_the_mail(topic: str) -> None:
    customer = CustomerFactory()
    consents.record_consents(customer, {"sms": {topic: "out"}, "email": {topic: "in"}}, via="keyword", now=NOON)
    message = queue_one(customer, topic=topic, fallback=("email",))
    assert (message.channel, message.address, message.state) == ("email", customer.email, "queued")


def test_an_address_that_nothing_may_go_to_is_passed_over() -> None:
    customer = CustomerFactory()
    suppress("sms", str(customer.phone), scope="all", cause="unknown_address", now=NOON)
    assert queue_one(customer, fallback=("line", "email")).channel == "email"


def test_wishes_that_close_every_way_are_told_by_the_first_when_it_is_sent() -> None:
    customer = CustomerFactory()
    consents.record_consents(
        customer, {channel: {"order_updates": "out"} for channel in ("sms", "email")}, via="keyword", now=NOON
    )
    message = queue_one(customer, fallback=("email",))
    assert (message.channel, message.state, message.reason) == ("sms", "queued", "")


def test_wishes_are_asked_about_only_where_there_is_a_choice_and_for_all_at_once() -> None:
    def queries(customers: list[Customer], **changes: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            queue_messages([request_for(customer, **changes) for customer in customers], now=NOON)
        return len(captured)

    queries(CustomerFactory.create_batch(1))
    plain = queries(CustomerFactory.create_batch(2))
    assert queries(CustomerFactory.create_batch(2), fallback=("email",)) == plain + 1
    assert queries(CustomerFactory.create_batch(20), fallback=("email",)) == plain + 1


def test_whoever_cannot_be_reached_at_all_is_told_on_the_row_and_on_the_timeline() -> None:
    message = queue_one(CustomerFactory(phone="", email=""), fallback=("email",))
    assert (message.channel, message.state, message.reason) == ("sms", "withheld", "unreachable")
    fact = Event.objects.get(name="Message Withheld")
    assert fact.customer_id == message.customer_id
    assert fact.properties["reason"] == "unreachable"
    assert (fact.object_type, fact.object_id) == ("message", message.pk)


def test_a_channel_that_the_shop_has_not_set_up_reaches_nobody() -> None:
    assert queue_one(CustomerFactory(line_id="U123"), channel="line").reason == "unreachable"


def test_the_template_is_the_one_of_the_channel_that_is_used() -> None:
    make_template("review-request", "sms", en="Text")
    mail = make_template("review-request", "email", en="Mail")
    message = queue_one(CustomerFactory(phone=""), body="", template="review-request", fallback=("email",))
    assert message.template == mail


def test_a_channel_without_the_template_is_passed_over_for_one_that_has_it() -> None:
    mail = make_template("newsletter", "email", en="Mail")
    message = queue_one(CustomerFactory(), body="", template="newsletter", fallback=("email",))
    assert (message.channel, message.template) == ("email", mail)


def test_a_template_that_is_nowhere_or_only_a_draft_fails_the_message_not_the_batch() -> None:
    make_template("draft", "sms", published=False, en="Not yet")
    for slug in ("draft", "nowhere"):
        message = queue_one(CustomerFactory(), body="", template=slug)
        assert (message.state, message.reason) == ("failed", "no_template")
    assert Event.objects.filter(name="Message Failed").count() == 2


def test_what_a_person_typed_is_final_and_not_read_as_a_template() -> None:
    message = queue_one(CustomerFactory(), body="50 % off {{ today }}", is_literal=True)
    assert (message.body, message.source_body) == ("50 % off {{ today }}", "")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"topic": "gossip"}, "unknown topic 'gossip'; known are after_sales, order_updates, brand_news, promotions"),
        ({"channel": "pigeon"}, "unknown channel 'pigeon'; known are sms, email, line"),
        ({"fallback": ("pigeon",)}, "unknown channel 'pigeon'; known are sms, email, line"),
        ({"customer_id": 0}, "there is no customer 0"),
        ({"body": ""}, "needs either a template or a text"),
        ({"template": "both"}, "needs either a template or a text"),
    ],
)
def test_a_request_that_makes_no_sense_says_what_is_wrong(changes: dict[str, Any], fault: str) -> None:
    customer = CustomerFactory()
    with pytest.raises(InvalidRequest) as refused:
        queue_messages([request_for(CustomerFactory()), request_for(customer, **changes)], now=NOON)
    assert str(refused.value) == f"to:{customer.pk}: {fault}"
    assert not Message.objects.exists()


def test_the_number_of_queries_does_not_grow_with_the_batch() -> None:
    make_template("hello", en="Hi")
    Shop.current()
    few, many = CustomerFactory.create_batch(2), CustomerFactory.create_batch(40)

    def queries(customers: list[Customer]) -> int:
        requests = [request_for(customer, template="hello", body="") for customer in customers]
        with CaptureQueriesContext(connection) as captured:
            queue_messages(requests, now=NOON)
        return len(captured)

    assert queries(few) == queries(many)


def test_the_worker_is_woken_once_when_the_transaction_commits(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(bell, "_ringers", [rung.append])
    with django_capture_on_commit_callbacks(execute=True):
        queue_messages([request_for(customer) for customer in CustomerFactory.create_batch(3)], now=NOON)
        assert rung == []
    assert rung == ["send_due"]


def test_nobody_is_woken_for_messages_that_can_never_be_sent(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(bell, "_ringers", [rung.append])
    with django_capture_on_commit_callbacks(execute=True):
        queue_one(CustomerFactory(phone=""))
    assert rung == []
