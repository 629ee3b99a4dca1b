import pytest

from crm.models import Shop
from messaging.rendering.freezing import Pieces
from messaging.rendering.preview import Draft, preview
from messaging.texts.liquid import InvalidTemplate
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db
NO_PIECES = Pieces({}, "en")


def test_it_shows_the_letter_as_this_customer_would_get_it() -> None:
    seen = preview(
        Draft("Hi {{ customer.first_name }}, order {{ event.order_id }}"), channel="sms", pieces=NO_PIECES,
        customer=CustomerFactory(name="Ploy Suk"), shop=Shop.current(), context={"event": {"order_id": "A-1"}},
    )  # fmt: skip
    assert seen.letter is not None
    assert (seen.letter.body, seen.letter.segments) == ("Hi Ploy, order A-1", 1)
    assert (seen.error, seen.missing) == ("", ())


def test_without_the_data_of_a_flow_it_names_what_is_missing() -> None:
    seen = preview(
        Draft("{{ coupon.code | default: 'none' }}", "Order {{ event.order_id }}"), channel="email",
        customer=CustomerFactory(), shop=Shop.current(), pieces=NO_PIECES,
    )  # fmt: skip
    assert seen.letter is None
    assert seen.error == "missing variable: 'event' is undefined"
    assert seen.missing == ("coupon.code", "event.order_id")


def test_a_text_that_is_no_template_is_refused() -> None:
    with pytest.raises(InvalidTemplate):
        preview(Draft("{{"), channel="sms", customer=CustomerFactory(), shop=Shop.current(), pieces=NO_PIECES)
