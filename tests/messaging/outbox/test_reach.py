import pytest
from pytest_django import DjangoAssertNumQueries

from crm.models import Customer
from crm.services import consents
from messaging.models import Message
from messaging.outbox.queue import InvalidRequest, MessageRequest
from messaging.outbox.reach import why_closed
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import opt_in

pytestmark = pytest.mark.django_db


def asked(customer: Customer, topic: str = "after_sales", **changes: str) -> MessageRequest:
    return MessageRequest(
        customer_id=customer.pk, channel="sms", topic=topic, body="-", dedupe_key="", **changes  # type: ignore[arg-type]
    )  # fmt: skip


def test_each_closed_way_says_why_and_an_open_one_says_nothing() -> None:
    reached, nowhere, opted_out, agreed = (
        CustomerFactory.create(phone=phone) for phone in ("+66812345601", "", "+66812345603", "+66812345604")
    )
    consents.record_consents(opted_out, {"sms": {"after_sales": "out"}}, via="keyword", now=NOON)
    opt_in(agreed, "promotions")

    reasons = why_closed(
        [
            asked(reached), asked(nowhere), asked(opted_out), asked(reached, "promotions"), asked(agreed, "promotions"),
            asked(agreed),
        ],
        now=NOON,
    )  # fmt: skip

    assert reasons == [None, "unreachable", "opted_out", "no_consent", None, None]
    assert not Message.objects.exists()


def test_any_number_is_answered_with_the_same_few_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    few, many = CustomerFactory.create_batch(2), CustomerFactory.create_batch(20)
    why_closed([asked(few[0])], now=NOON)
    with django_assert_num_queries(10):
        why_closed([asked(one) for one in few], now=NOON)
    with django_assert_num_queries(10):
        why_closed([asked(one) for one in many], now=NOON)


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="unknown topic 'weather'"):
        why_closed([asked(CustomerFactory.create(), "weather")], now=NOON)
