"""A purchase saved in the admin is the same fact as one from a storefront."""

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Event, Purchase
from tests.factories.crm import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_purchase_made_in_the_admin_becomes_a_fact_with_its_lines(client: Client) -> None:
    client.force_login(UserFactory.create(is_superuser=True))
    customer = CustomerFactory.create()
    form = {
        "customer": customer.pk, "source": "admin", "reference": "A-1", "currency": "THB", "total_minor": 59000,
        "discount_minor": 0, "placed_at_0": "2026-03-02", "placed_at_1": "12:00:00",
        "items-TOTAL_FORMS": 1, "items-INITIAL_FORMS": 0, "items-0-sku": "KTL", "items-0-name": "Kettle",
        "items-0-quantity": 1, "items-0-price_minor": 59000,
        "refunds-TOTAL_FORMS": 0, "refunds-INITIAL_FORMS": 0,
    }  # fmt: skip

    answer = client.post(reverse("admin:crm_purchase_add"), form)

    assert answer.status_code == 302, answer.context["errors"]
    event = Event.objects.get(name="Order Completed")
    assert event.object_id == Purchase.objects.get().pk
    assert [product["sku"] for product in event.properties["products"]] == ["KTL"]

    form |= {
        "delivered_at_0": "2026-03-05", "delivered_at_1": "09:00:00", "items-INITIAL_FORMS": 1,
        "items-0-id": Purchase.objects.get().items.get().pk, "items-0-purchase": Purchase.objects.get().pk,
    }  # fmt: skip
    answer = client.post(reverse("admin:crm_purchase_change", args=[Purchase.objects.get().pk]), form)

    assert answer.status_code == 302, answer.context["errors"]
    assert Purchase.objects.get().status == "delivered"
    assert Event.objects.filter(name="Order Completed").count() == 1
    assert Event.objects.filter(name="Order Delivered").count() == 1
