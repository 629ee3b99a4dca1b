import pytest
from django.test import override_settings

from messaging.rendering.reply_addresses import read_ticket, reply_address

DOMAIN = "reply.baankafe.example"


def test_the_address_leads_back_to_the_ticket() -> None:
    address = reply_address(12345, DOMAIN)
    assert address.endswith("@reply.baankafe.example")
    assert read_ticket(address) == 12345


def test_its_local_part_is_short_enough_for_mail() -> None:
    assert len(reply_address(2**48 - 1, DOMAIN).partition("@")[0]) <= 64


def test_a_mail_server_may_change_its_case() -> None:
    assert read_ticket(reply_address(7, DOMAIN).upper()) == 7


def test_one_changed_letter_leads_nowhere() -> None:
    address = reply_address(7, DOMAIN)
    for index in range(len("reply+"), address.index("@") - 1):
        other = "b" if address[index] != "b" else "c"
        assert read_ticket(address[:index] + other + address[index + 1 :]) is None


@pytest.mark.parametrize(
    "address", ["", "reply@x.example", "reply+abc@x.example", "hello@x.example", f"reply+{'1' * 36}@x"]
)
def test_other_addresses_are_none_of_ours(address: str) -> None:
    assert read_ticket(address) is None


def test_it_outlives_a_change_of_the_key() -> None:
    with override_settings(SECRET_KEY="the old one"):
        address = reply_address(7, DOMAIN)
    assert read_ticket(address) is None
    with override_settings(SECRET_KEY_FALLBACKS=["the old one"]):
        assert read_ticket(address) == 7
