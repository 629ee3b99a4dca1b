"""Addresses on the web, as they stand in a text: where they are, and whose domain they are on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

# What a phone makes into a link: up to white space, less the punctuation that ends a sentence.
URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
# And what it makes into one without being told so: "www.shop.example", "shop.example/sale".
_LOOKS_LIKE_ONE = re.compile(
    r"https?://[^\s<>\"']+|(?<![\w@.-])(?:www\.[^\s<>\"']+|(?:[a-z0-9-]+\.)+[a-z]{2,24}/[^\s<>\"']*)", re.IGNORECASE
)
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LIQUID = "\ue000"  # stands for a piece of Liquid
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def is_domain(text: str) -> bool:
    """ "shop.example": lower-case, without scheme, port or path."""
    return _DOMAIN.fullmatch(text) is not None


def host_of(url: str) -> str:
    """The host that `url` leads to, in lower case: what stands between the scheme, a user's name, and port or path."""
    rest = url.partition("://")[2] or url
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    return authority.rpartition("@")[2].partition(":")[0].rstrip(".,;!)").lower()


def is_on(host: str, domains: Collection[str]) -> bool:
    """Whether `host` is one of `domains`, or below one."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def strangers(text: str, domains: Collection[str]) -> Iterator[tuple[str, int]]:
    """
    The links in `text` that are on none of `domains`, each with its line.

    In a template a link whose host is filled in only when it is sent is a stranger; one that is all Liquid
    ("{{ event.url }}") is nobody's yet, and passes.
    """
    if "/" not in text and "www." not in text.lower():
        return
    # Line breaks inside Liquid are kept, so that lines can be counted.
    plain = _MARKUP.sub(lambda found: _LIQUID + "\n" * found[0].count("\n"), text) if "{" in text else text
    for found in _LOOKS_LIKE_ONE.finditer(plain):
        host = host_of(found[0])
        if _LIQUID in host or not is_on(host, domains):
            yield found[0].replace(_LIQUID, "{{…}}"), plain.count("\n", 0, found.start()) + 1
