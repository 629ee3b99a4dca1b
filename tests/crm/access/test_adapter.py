"""How staff get in, and how strangers do not."""

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpResponse
from django.test import Client, RequestFactory

from crm.access.adapter import StaffAdapter
from crm.models import User


def test_nobody_can_sign_up():
    assert StaffAdapter().is_open_for_signup(RequestFactory().get("/accounts/signup/")) is False


def guess(client: Client, times: int, name: str = "mali") -> list[HttpResponse]:
    """Wrong passwords for one account, each from another address if its header is to be believed."""
    return [
        client.post(
            "/accounts/login/",
            {"login": name, "password": "wrong"},
            headers={"X-Forwarded-For": f"203.0.113.{attempt}"},
        )
        for attempt in range(times)
    ]


@pytest.mark.django_db
def test_guessing_a_password_ends_after_five_tries_whatever_address_is_claimed(client: Client):
    User.objects.create_user("mali", "mali@example.com", "right")

    answers = guess(client, 6)

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers.get("Retry-After") for answer in answers] == [None] * 5 + ["300"]
    assert b"Too many failed attempts. Wait five minutes" in answers[5].content
    assert b'name="password"' in answers[5].content
    right = client.post("/accounts/login/", {"login": "mali", "password": "right"})
    assert right.status_code == 429
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_one_address_that_tries_many_names_is_stopped_too(client: Client):
    answers = [guess(client, 1, name)[0] for name in "abcdefghijk"]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]


@pytest.mark.django_db
def test_an_account_that_was_guessed_at_says_nothing_of_whether_it_exists(client: Client):
    User.objects.create_user("mali", "mali@example.com", "right")

    known, unknown = guess(client, 6), guess(Client(REMOTE_ADDR="198.51.100.1"), 6, "nobody")

    assert [answer.status_code for answer in known] == [answer.status_code for answer in unknown]


@pytest.mark.django_db
def test_the_second_step_is_not_guessed_either(client: Client):
    user = User.objects.create_user("mali", "mali@example.com", "right")
    TOTP.activate(user, generate_totp_secret())
    client.post("/accounts/login/", {"login": "mali", "password": "right"})

    answers = [client.post("/accounts/2fa/authenticate/", {"code": "000000"}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_the_admin_has_no_door_of_its_own(client: Client):
    User.objects.create_superuser("mali", "mali@example.com", "right")

    answer = client.post("/admin/login/", {"username": "mali", "password": "right"})

    assert (answer.status_code, answer.url) == (302, "/accounts/login/?next=%2Fadmin%2Flogin%2F")
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_who_may_not_use_the_admin_is_told_so(client: Client):
    client.force_login(User.objects.create_user("nok", "nok@example.com", "right"))

    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.django_db
def test_asking_for_new_passwords_in_bulk_ends_on_a_page_that_says_so(client: Client):
    answers = [client.post("/accounts/password/reset/", {"email": f"{n}@example.com"}) for n in range(21)]

    assert [answer.status_code for answer in answers] == [302] * 20 + [429]
    assert answers[20].headers["Retry-After"] == "60"
    assert b"<h1>Too many tries in a short time</h1>" in answers[20].content
