"""Short links of our own domain, in place of the addresses in a text."""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import string
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.conf import settings

from crm.lib.configuration import remembered
from crm.models import Channel
from messaging.models import MessagingSettings
from messaging.rendering import links
from messaging.texts import sms, urls

TOKEN = r"[0-9][0-9A-Za-z]{9}"  # noqa: S105 - how tokens look; a digit first, since no page of ours begins with one
MAX_URL = 2_000  # characters; browsers and proxies take no longer ones everywhere
_REST = 9
_LETTERS = string.digits + string.ascii_letters
_HREF = re.compile(r"(href\s*=\s*)([\"'])(https?://[^\"']+)\2", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shortened:
    """One address that was replaced in a message."""

    token: str
    url: str
    is_way_out: bool


@dataclass(frozen=True, slots=True)
class LinkRules:
    """
    What the shop wants of links.

    Attributes:
        domain: what short links begin with, e.g. "https://go.shop.example"; "" for none.
        registered: the only domains that links in an SMS may be on; empty for any.
        lasting: for how long short links lead on.
    """

    domain: str = ""
    registered: frozenset[str] = frozenset()
    in_email: bool = False
    lasting: timedelta = timedelta(days=400)

    @classmethod
    def current(cls) -> LinkRules:
        """As it is set now; remembered by batches."""
        return _current()

    def shortens(self, channel: str) -> bool:
        return bool(self.domain) and (channel != Channel.EMAIL or self.in_email)

    def stranger(self, text: str) -> tuple[str, int] | None:
        """The first link in the text of an SMS that is on no registered domain, and its line."""
        return next(urls.strangers(text, self.registered), None) if self.registered else None


@remembered(MessagingSettings)
def _current() -> LinkRules:
    row = MessagingSettings.current()
    return LinkRules(
        row.link_domain, frozenset(row.registered_domains), row.shorten_email, timedelta(days=row.keep_links_days)
    )


class Shortener:
    """Replaces the addresses of one message, and remembers which: `made`."""

    def __init__(self, rules: LinkRules, message: uuid.UUID, *, with_ways_out: bool = True) -> None:
        self._rules = rules
        self._message = message
        self._with_ways_out = with_ways_out
        self._made: dict[str, Shortened] = {}

    @property
    def made(self) -> tuple[Shortened, ...]:
        return tuple(self._made.values())

    def text(self, text: str) -> str:
        """`text` with short links."""
        return urls.URL.sub(lambda found: self._short(found[0]), text) if "://" in text else text

    def html(self, text: str) -> str:
        """HTML whose links lead to short ones; what it says stays as it is."""
        return _HREF.sub(self._in_attribute, text)

    def _in_attribute(self, found: re.Match[str]) -> str:
        name, quote, url = found.groups()
        return f"{name}{quote}{html.escape(self._short(html.unescape(url)))}{quote}"

    def _short(self, url: str) -> str:
        is_way_out = links.is_way_out(url)
        is_ours = url.startswith(f"{self._rules.domain}/") and re.fullmatch(TOKEN, url.rpartition("/")[2])
        if len(url) > MAX_URL or is_ours or (is_way_out and not self._with_ways_out):
            return url
        if url not in self._made:
            self._made[url] = Shortened(token_of(self._message, url), url, is_way_out)
        return f"{self._rules.domain}/{self._made[url].token}"


def token_of(message: uuid.UUID, url: str) -> str:
    """
    The token of an address in a message: the same on every try, so that what is sent again is the same text, and not
    to be guessed without our key.
    """
    digest = hmac.digest(_key(settings.SECRET_KEY), f"{message.hex}{url}".encode(), "sha256")
    number, first = divmod(int.from_bytes(digest[:12], "big"), 10)
    letters = [str(first)]
    for _ in range(_REST):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)


@lru_cache(maxsize=2)
def _key(secret: str) -> bytes:
    return hashlib.sha256(f"messaging.short_link:{secret}".encode()).digest()


def measure_as_sent(text: str) -> sms.Measure:
    """What a text takes as an SMS, as it leaves: without space around it, and with short links."""
    return sms.measure(as_sent(text.strip(), Channel.SMS))


def as_sent(text: str, channel: str) -> str:
    """A text with short links of the length they will have, for whoever measures it before there is a message."""
    rules = LinkRules.current()
    return Shortener(rules, uuid.UUID(int=0)).text(text) if rules.shortens(channel) else text
