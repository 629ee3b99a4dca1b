"""How staff get in, and how strangers do not."""

import pytest
from django.test import RequestFactory

from crm.access.adapter import StaffAdapter
from crm.models import User


def test_nobody_can_sign_up():
    assert StaffAdapter().is_open_for_signup(RequestFactory().get("/accounts/signup/")) is False


@pytest.mark.django_db
def test_guessing_a_password_ends_after_five_tries_whatever_address_is_claimed(client):
    User.objects.create_user("mali", "mali@example.com", "right")

    answers = [
        client.post(
            "/accounts/login/",
            {"login": "mali", "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{attempt}"},
        )
        for attempt in range(6)
    ]

    assert b"Too many failed login attempts" in answers[5].content
    assert b"Too many failed login attempts" not in answers[4].content
    right = client.post("/accounts/login/", {"login": "mali", "password": "right"})
    assert right.status_code != 302
