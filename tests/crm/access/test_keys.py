"""API keys."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.access import keys
from crm.access.roles import PERMISSIONS
from crm.models import ApiKey

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)


def refused(secret: str, address: str = "203.0.113.7", now: datetime = NOON) -> str:
    with pytest.raises(keys.KeyRefused) as caught:
        keys.recognise(secret, address=address, now=now)
    return caught.value.code


def test_a_key_is_shown_once_and_kept_as_a_hash() -> None:
    made = keys.create_key(name="Shop", scopes=["events:write"])

    assert made.secret.startswith("wm_live_")
    assert made.key.prefix == made.secret[:16]
    stored = ApiKey.objects.values().get()
    assert made.secret not in str(stored)
    assert keys.recognise(made.secret, address="203.0.113.7", now=NOON) == made.key


def test_a_key_nobody_made_a_revoked_one_and_an_expired_one_open_nothing() -> None:
    made = keys.create_key(name="Shop", scopes=[], expires_at=NOON + timedelta(hours=1))

    assert refused("wm_live_guess") == "invalid_key"
    assert refused(made.secret, now=NOON + timedelta(hours=1)) == "expired_key"
    ApiKey.objects.update(revoked_at=NOON)
    assert refused(made.secret) == "revoked_key"


def test_an_ip_list_holds_addresses_and_networks() -> None:
    made = keys.create_key(name="Shop", scopes=[], allowed_ips=["203.0.113.0/28", "2001:db8::1"])

    for address in ("203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1"):
        assert keys.recognise(made.secret, address=address, now=NOON) == made.key
    for address in ("203.0.113.16", "2001:db8::2", "", "unknown"):
        assert refused(made.secret, address) == "address_not_allowed"


def test_a_list_spoiled_by_hand_lets_nobody_in() -> None:
    made = keys.create_key(name="Shop", scopes=[])
    ApiKey.objects.update(allowed_ips=["office"])

    assert refused(made.secret) == "address_not_allowed"


def test_use_is_noted_once_a_minute() -> None:
    made = keys.create_key(name="Shop", scopes=[])

    for seconds, noted in ((0, 0), (59, 0), (60, 60)):
        keys.recognise(made.secret, address="", now=NOON + timedelta(seconds=seconds))
        assert ApiKey.objects.get().last_used_at == NOON + timedelta(seconds=noted)


def test_scopes_are_checked_and_synonyms_understood() -> None:
    assert keys.create_key(name="Shop", scopes=["orders:write", "events:write"]).key.scopes == [
        "events:write",
        "purchases:write",
    ]
    with pytest.raises(keys.UnknownScope, match="users:write"):
        keys.create_key(name="Shop", scopes=["users:write"])
    with pytest.raises(keys.ReservedSource):
        keys.create_key(name="Shop", scopes=[], source="waymark")
    with pytest.raises(keys.InvalidAddress, match="office"):
        keys.create_key(name="Shop", scopes=[], allowed_ips=["office"])


def test_every_scope_stands_for_a_permission_of_the_table_and_none_for_managing_people_or_keys() -> None:
    known = {permission.name for permission in PERMISSIONS}
    behind = {scope.permission for scope in keys.SCOPES.values()}

    assert behind <= known
    assert not behind & {"users.manage", "settings.keys", "settings.channels", "suppressions.lift", "audit.view"}
