import pytest

from crm.models import Customer, Event, Tag
from crm.services import consents
from crm.services.merges import CannotMerge, merge_customers
from tests.factories.crm import (
    NOON,
    CustomerFactory,
    PurchaseFactory,
    ReviewFactory,
    TicketFactory,
    TopicFactory,
    later,
)

pytestmark = pytest.mark.django_db


def test_everything_moves_to_the_survivor() -> None:
    survivor = CustomerFactory.create(name="Ann", email="", phone="")
    loser = CustomerFactory.create(email="a@example.com", attributes={"plan": "gold"}, created_at=later(days=-9))
    PurchaseFactory.create(customer=loser)
    TicketFactory.create(customer=loser)
    ReviewFactory.create(customer=loser)
    loser.tags.add(Tag.objects.create(name="vip"))

    merge = merge_customers(survivor=survivor, loser=loser, reason="same person", actor=None, now=NOON)

    survivor.refresh_from_db()
    assert (survivor.name, survivor.email, survivor.attributes) == ("Ann", "a@example.com", {"plan": "gold"})
    assert survivor.created_at == later(days=-9)
    assert [survivor.purchases.count(), survivor.tickets.count(), survivor.reviews.count(), survivor.tags.count()] == [
        1
    ] * 4
    assert not Event.objects.filter(customer=loser).exists()
    assert Customer.objects.get(pk=loser.pk).merged_into == survivor
    assert merge.moved["crm.Purchase"] == [survivor.purchases.get().pk]


def test_of_two_consents_the_newer_stands() -> None:
    TopicFactory.create()
    survivor, loser = CustomerFactory.create_batch(2)
    consents.record_consents(survivor, {"sms": {"promotions": "in"}}, via="form", now=NOON)
    consents.record_consents(loser, {"sms": {"promotions": "out"}}, via="keyword", now=later(days=1))
    consents.record_consents(loser, {"email": {"promotions": "in"}}, via="form", now=NOON)

    merge_customers(survivor=survivor, loser=loser, reason="same person", actor=None, now=later(days=2))

    found = survivor.consents.order_by("channel").values_list("channel", "state", "since")
    assert list(found) == [("email", "in", NOON), ("sms", "out", later(days=1))]


def test_nobody_is_merged_twice_or_with_themselves() -> None:
    one, two, three = CustomerFactory.create_batch(3)
    merge_customers(survivor=one, loser=two, reason="r", actor=None, now=NOON)
    two.refresh_from_db()

    with pytest.raises(CannotMerge, match="before"):
        merge_customers(survivor=three, loser=two, reason="r", actor=None, now=NOON)
    with pytest.raises(CannotMerge, match="themselves"):
        merge_customers(survivor=one, loser=one, reason="r", actor=None, now=NOON)
