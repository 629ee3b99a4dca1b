"""Every table has its page in Django admin, and every page opens."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.factories.crm import PurchaseItemFactory, ReviewFactory, TicketFactory, TouchpointFactory, UserFactory

MODELS = [
    model
    for label in ("crm", "messaging", "journeys")
    for model in apps.get_app_config(label).get_models()
    if not model.__name__.startswith("Historical")
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_is_in_the_admin(model: type[Model]) -> None:
    assert admin.site.is_registered(model)


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_its_list_and_its_form_open(model: type[Model], client: Client) -> None:
    client.force_login(UserFactory.create(is_superuser=True))
    PurchaseItemFactory.create()
    TicketFactory.create()
    ReviewFactory.create()
    TouchpointFactory.create()
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"

    assert (
        client.get(
            reverse(f"{name}_changelist"), {"q": "a"} if admin.site._registry[model].search_fields else {}
        ).status_code
        == 200
    )
    assert client.get(reverse(f"{name}_add")).status_code in (200, 403)
    row = model._default_manager.first()
    if row is not None:
        assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
