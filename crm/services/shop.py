"""The shop's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from crm.models import Shop


@transaction.atomic
def edit_shop(shop: Shop, changes: Mapping[str, Any]) -> Shop:
    """
    Change settings, already of their fields' types.

    Raises:
        django.core.exceptions.ValidationError: a value the field cannot hold.
    """
    for name, value in changes.items():
        setattr(shop, name, value)
    shop.full_clean()
    shop.save()
    return shop
