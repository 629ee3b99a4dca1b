"""Our calls never go into our own network."""

from __future__ import annotations

from typing import Any

import pytest

from crm.hooks.addresses import BlockedAddress, check_resolved, check_url

LITERAL = "is not on the public internet"
ODD = "is a number that is no plain IP address"
OURS = "is a name of our own network"
PORT = "uses a port other than 80 and 443"
USER = "carries a user name or password"
NONE = "is no web address that begins with https:// or http://"


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/in",
        "http://hooks.example.com",
        "https://hooks.example.com:443/in?shop=1",
        "https://93.184.216.34/in",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/in",
        "https://ตัวอย่าง.example/in",
    ],
)
def test_addresses_of_the_public_internet_may_be_called(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://169.254.169.254/latest/meta-data/", LITERAL),
        ("http://127.0.0.1/", LITERAL),
        ("http://10.1.2.3/", LITERAL),
        ("http://192.168.0.1/", LITERAL),
        ("http://100.64.0.1/", LITERAL),
        ("http://0.0.0.0/", LITERAL),
        ("http://[::1]/", LITERAL),
        ("http://[::ffff:10.0.0.1]/", LITERAL),
        ("http://[::ffff:7f00:1]/", LITERAL),
        ("http://[64:ff9b::a00:1]/", LITERAL),
        ("http://[2002:a00:1::]/", LITERAL),
        ("http://[fe80::1%25eth0]/", LITERAL),
        ("http://[fc00::1]/", LITERAL),
        ("http://224.0.0.1/", LITERAL),
        ("http://127.1/", ODD),
        ("http://0x7f000001/", ODD),
        ("http://2130706433/", ODD),
        ("http://0177.0.0.1/", ODD),
        ("http://10.0.0.0x1/", ODD),
        ("http://127.0.0.1./", LITERAL),
        ("http://localhost/", OURS),
        ("http://db/", OURS),
        ("http://metadata.google.internal/", OURS),
        ("http://printer.local./", OURS),
        ("https://hooks.example.com:22/", PORT),
        ("https://hooks.example.com:8080/", PORT),
        ("https://user@hooks.example.com/", USER),
        ("https://hooks.example.com@127.0.0.1/", USER),
        ("https://:secret@hooks.example.com/", USER),
        ("ftp://hooks.example.com/", NONE),
        ("file:///etc/passwd", NONE),
        ("//hooks.example.com/", NONE),
        ("hooks.example.com", NONE),
        ("https://", NONE),
        ("https://hooks.example.com/a b", NONE),
        ("https://hooks.example.com/\r\nHost: evil", NONE),
        ("https://hooks.example.com:99999/", "is no web address"),
        ("https://[::1/", "is no web address"),
        ("", NONE),
    ],
)
def test_everything_else_is_refused_by_its_text_alone(url: str, why: str) -> None:
    with pytest.raises(BlockedAddress) as refused:
        check_url(url)
    assert str(refused.value) == why


def test_what_the_operator_trusts_may_be_in_our_own_network(settings: Any) -> None:
    settings.WEBHOOK_TRUSTED = frozenset({"127.0.0.1:8099", "erp.internal:443"})
    check_url("http://127.0.0.1:8099/in")
    check_url("https://erp.internal/in")
    for url in ("http://127.0.0.1:8098/in", "http://erp.internal/in", "http://user@127.0.0.1:8099/in"):
        with pytest.raises(BlockedAddress):
            check_url(url)


def test_a_name_is_refused_when_one_of_its_addresses_is_not_public() -> None:
    check_resolved(["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
    with pytest.raises(BlockedAddress, match=r"^leads to 10\.0\.0\.7, which is not on the public internet$"):
        check_resolved(["93.184.216.34", "10.0.0.7"])
