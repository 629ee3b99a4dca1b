"""Staff accounts are made by an administrator."""

from django.test import RequestFactory

from crm.access.adapter import StaffAdapter


def test_nobody_can_sign_up():
    assert StaffAdapter().is_open_for_signup(RequestFactory().get("/accounts/signup/")) is False
