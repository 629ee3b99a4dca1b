"""What messaging adds to the page of a customer's consent: addresses, what stands against them, their own page."""

import pytest
from django.test import Client

from crm.models import User
from messaging.models import Suppression
from messaging.outbox.addresses import suppress
from messaging.rendering.links import read_preferences
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory

pytestmark = pytest.mark.django_db


def test_what_stands_against_each_address_is_shown_with_its_cause(sign_in: SignIn) -> None:
    ploy = CustomerFactory.create(email="ploy@example.com")
    ploy.identities.create(kind="email", value="old@example.com")
    suppress("email", "old@example.com", scope="all", cause="unknown_address", now=NOON)
    suppress(
        "email", "ploy@example.com", scope="marketing", cause="staff", now=NOON, detail={"reason": "asked", "by": "Nok"}
    )
    suppress("email", "stranger@example.com", scope="all", cause="stop", now=NOON)
    page = sign_in(User.Role.SUPPORT).get(f"{ploy.get_absolute_url()}consents/").content.decode()
    assert "old@example.com" in page
    assert "does not exist · everything" in page
    assert "by staff · marketing" in page
    assert "asked (Nok)" in page
    assert "asked us to stop" not in page
    assert "/lift/" not in page


def test_only_an_admin_lifts_and_comes_back(sign_in: SignIn) -> None:
    ploy = CustomerFactory.create()
    suppress("sms", str(ploy.phone), scope="all", cause="stop", now=NOON)
    row, back = Suppression.objects.get(), f"{ploy.get_absolute_url()}consents/"
    url = f"/settings/suppressions/{row.pk}/lift/?next={back}"
    admin = sign_in(User.Role.ADMIN)
    assert url in admin.get(back).content.decode()
    for role in (User.Role.MANAGER, User.Role.SALES, User.Role.SUPPORT):
        assert sign_in(role).post(url, {"reason": "x"}).status_code == 403
    assert admin.post(url, {"reason": ""}).status_code == 422
    assert Suppression.objects.standing().exists()
    answer = admin.post(url, {"reason": "wrong number, they called"})
    assert (answer.status_code, answer["Location"]) == (302, back)
    assert not Suppression.objects.standing().exists()
    assert admin.get(f"/settings/suppressions/{row.pk}/lift/?next=//evil.example").context["back"] == (
        "/settings/suppressions/"
    )


def test_the_link_to_their_own_choices_is_theirs(sign_in: SignIn) -> None:
    ploy = CustomerFactory.create()
    page = sign_in(User.Role.SALES).get(f"{ploy.get_absolute_url()}consents/").content.decode()
    token = page.partition("/preferences/")[2].partition("/")[0]
    assert read_preferences(token) == ploy.public_id
    assert Client().get(f"/preferences/{token}/").status_code == 200


def test_addresses_are_masked_for_those_who_may_not_see_them(sign_in: SignIn) -> None:
    ploy = CustomerFactory.create(email="ploy@example.com")
    page = sign_in(User.Role.VIEWER).get(f"{ploy.get_absolute_url()}consents/").content.decode()
    assert "ploy@example.com" not in page
