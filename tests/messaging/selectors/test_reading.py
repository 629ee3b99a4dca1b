"""What a message says, on pages."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from crm.models import Shop
from messaging.selectors.reading import in_short
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import MessageFactory, make_template

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": "Hello {{ not liquid }}"}, "Hello {{ not liquid }}"),
        ({"subject": "Your order", "body": "It is on its way."}, "Your order"),
        ({"source_body": "{{ customer.first_name }}, you are out."}, "Ploy, you are out."),
        ({"source_subject": "{{ shop.name }}", "source_body": "You are out."}, "Baan Cha"),
        ({"source_body": "{{ event.missing }}"}, "{{ event.missing }}"),
        ({}, ""),
    ],
)
def test_the_source_of_a_text_is_nobody_s_to_read(
    fields: dict[str, Any], words: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    message = MessageFactory.build(
        customer=CustomerFactory.create(name="Ploy Dee"), topic=None, lane=0, **{"body": "", **fields}
    )
    with django_assert_num_queries(0):
        assert in_short(message, Shop(name="Baan Cha")) == words


def test_a_template_goes_by_its_name() -> None:
    template = make_template("welcome", en="Hi")
    assert in_short(MessageFactory(body="", template=template), Shop()) == "welcome"
