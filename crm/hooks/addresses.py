"""
Where our calls may go: never into our own network.

Whoever may name an address could else make this server read what only it can reach. So an address is checked twice: by
its text when it is saved, and by what its host resolves to just before the call, which then goes to the very address
that was checked (crm.hooks.deliver).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PORTS = {"http": 80, "https": 443}
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
# What a resolver may take for an IPv4 address although nobody writes one so: 127.1, 0x7f000001, 2130706433.
_ODD_NUMBER = re.compile(r"^(0x[0-9a-f]*|[0-9]+)$")
# Prefixes whose last 32 bits are an IPv4 address that a gateway would go to (RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class BlockedAddress(ValueError):
    """We do not call this address; the message says why."""


def check_url(url: str) -> None:
    """
    Check an address by its text alone: scheme, port, no user, and no host that is plainly ours.

    Raises:
        BlockedAddress
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, host_of(parts)
    except ValueError as error:
        raise BlockedAddress(_("is no web address")) from error
    if parts.scheme not in PORTS or not host or any(char.isspace() or not char.isprintable() for char in url):
        raise BlockedAddress(_("is no web address that begins with https:// or http://"))
    if parts.username is not None or parts.password is not None:
        raise BlockedAddress(_("carries a user name or password"))
    if is_trusted(parts):
        return
    if (port or PORTS[parts.scheme]) not in PORTS.values():
        raise BlockedAddress(_("uses a port other than 80 and 443"))
    _check_host(host)


def host_of(parts: SplitResult) -> str:
    """The host as it is resolved: lower case, without the dot at its end."""
    return (parts.hostname or "").rstrip(".")


def is_trusted(parts: SplitResult) -> bool:
    """Has the operator allowed this very host and port (WEBHOOK_TRUSTED)? It may then be in our own network."""
    return f"{host_of(parts)}:{parts.port or PORTS.get(parts.scheme, 0)}" in settings.WEBHOOK_TRUSTED


def check_resolved(addresses: list[str]) -> None:
    """
    Check what a host resolves to: every single address must be one of the public internet.

    Raises:
        BlockedAddress
    """
    for text in addresses:
        if not is_public(ipaddress.ip_address(text.partition("%")[0])):
            raise BlockedAddress(_("leads to %(address)s, which is not on the public internet") % {"address": text})


def is_public(address: Address) -> bool:
    """Is it an address of the public internet, and of nothing else? Addresses inside it are looked at too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def _check_host(host: str) -> None:
    try:
        literal = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    else:
        if not is_public(literal):
            raise BlockedAddress(_("is not on the public internet"))
        return
    if ":" in host or _ODD_NUMBER.match(host.rpartition(".")[2]) or _is_number(host):
        raise BlockedAddress(_("is a number that is no plain IP address"))
    if "." not in host or host.endswith(tuple(f".{name}" for name in _LOCAL_NAMES)):
        raise BlockedAddress(_("is a name of our own network"))


def _is_number(host: str) -> bool:
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return False
    return True
