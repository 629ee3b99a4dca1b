"""Who asks, and what for."""

from collections.abc import Callable

import pytest
from django.test import Client

from crm.models import User
from tests.factories.crm import UserFactory

SignIn = Callable[..., Client]


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """A client signed in with a role; `language` is what the person chose."""

    def as_role(role: str = User.Role.MANAGER, **fields: object) -> Client:
        client = Client()
        client.force_login(UserFactory(role=role, is_staff=False, **fields))
        return client

    return as_role


@pytest.fixture
def manager(sign_in: SignIn) -> Client:
    return sign_in(User.Role.MANAGER, first_name="Mali")


@pytest.fixture
def htmx() -> Callable[[str], dict[str, str]]:
    """Headers of a request by which htmx wants to swap the element with this id."""
    return lambda target: {"HX-Request": "true", "HX-Target": target}
