"""Colleagues: who signs in, with which role, and how they like their pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.models import User
from crm.selectors.staff import forget_colleague_names

PREFERENCES = ("first_name", "last_name", "email", "language", "theme", "shortcuts")
EDITABLE = ("first_name", "last_name", "email", "role", "is_active")


class LastAdministrator(ValueError):
    """The change would leave nobody who can manage users."""


@transaction.atomic
def create_colleague(*, username: str, password: str, **fields: Any) -> User:
    """
    Make an account.

    Raises:
        ValidationError: the password is too weak, the name is taken, or a value does not fit.
    """
    user = User(username=username, **fields)
    user.set_password(password)
    user.full_clean()
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    return _save(user)


@transaction.atomic
def edit_colleague(user: User, changes: Mapping[str, Any]) -> User:
    """
    Change name, email, role or whether they may sign in.

    Raises:
        LastAdministrator: nobody would be left who can manage users.
        ValidationError: a value the field cannot hold.
    """
    _set(user, changes, EDITABLE)
    if not (user.is_active and (user.role == User.Role.ADMIN or user.is_superuser)):
        administrators = User.objects.filter(is_active=True).exclude(pk=user.pk)
        if not administrators.filter(role=User.Role.ADMIN).exists() and not administrators.filter(is_superuser=True):
            raise LastAdministrator(_("Somebody has to stay administrator."))
    user.full_clean(exclude=["password"])
    return _save(user)


@transaction.atomic
def take_second_step_off(user: User) -> None:
    """Let somebody who lost their phone sign in with the password alone; they can set the second step up anew."""
    Authenticator.objects.filter(user=user).delete()


def has_second_step(user: User) -> bool:
    """Whether signing in asks for a code besides the password."""
    return bool(is_mfa_enabled(user))


@transaction.atomic
def set_preferences(user: User, changes: Mapping[str, Any]) -> User:
    """
    Change what is one's own: name, email, language, theme, shortcuts.

    Raises:
        ValidationError: a value the field cannot hold.
    """
    _set(user, changes, PREFERENCES)
    user.full_clean(exclude=["password"])
    return _save(user)


def _save(user: User) -> User:
    user.save()
    forget_colleague_names()
    return user


def _set(user: User, changes: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for name, value in changes.items():
        if name not in allowed:
            raise ValueError(f"{name} is not changed here")
        setattr(user, name, value)
