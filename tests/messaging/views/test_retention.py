"""Settings: what is kept, and how long."""

import pytest
from django.test import Client

from messaging.models import MessagingSettings
from tests.factories.crm import UserFactory

pytestmark = pytest.mark.django_db

URL = "/settings/kept/"
DAYS = {
    "keep_texts_days": 400,
    "keep_attempts_days": 60,
    "keep_calls_days": 14,
    "keep_links_days": 200,
    "keep_networks_days": 7,
}


def browser(role: str) -> Client:
    client = Client()
    client.force_login(UserFactory(role=role))
    return client


def test_the_owner_says_after_how_many_days_what_is_forgotten() -> None:
    client = browser("admin")
    assert 'value="365"' in client.get(URL).content.decode()
    assert client.post(URL, DAYS).status_code == 302
    found = MessagingSettings.current()
    assert {name: getattr(found, name) for name in DAYS} == DAYS


def test_no_days_make_no_sense() -> None:
    answer = browser("admin").post(URL, {**DAYS, "keep_texts_days": 0})
    assert answer.status_code == 422
    assert MessagingSettings.current().keep_texts_days == 365


def test_nobody_else_comes_there() -> None:
    assert browser("marketer").get(URL).status_code == 403
    assert Client().get(URL).status_code == 302
