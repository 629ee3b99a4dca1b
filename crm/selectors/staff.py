"""Colleagues: who can own a customer, take a ticket or a task."""

from django.db.models import QuerySet

from crm.models import User


def colleagues() -> QuerySet[User]:
    """Everybody who can sign in, by name."""
    return User.objects.filter(is_active=True).order_by("first_name", "last_name", "username")
