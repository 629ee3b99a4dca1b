"""The secret that flows sign their calls with; endpoints have their own."""

from __future__ import annotations

from crm.hooks import sign
from crm.lib import vault
from crm.models import HookSecret


def shop_secret() -> str:
    """
    The shop's own secret, made when it is first asked for.

    Raises:
        CannotUnseal: sealed with another CREDENTIALS_KEY.
    """
    fresh = vault.seal({"secret": sign.new_secret()})
    row, _created = HookSecret.objects.get_or_create(pk=1, defaults={"sealed": fresh})
    return row.secret


def replace_shop_secret() -> str:
    """Make a new one; what is sent from now on is signed with it."""
    secret = sign.new_secret()
    HookSecret.objects.update_or_create(pk=1, defaults={"sealed": vault.seal({"secret": secret})})
    return secret
