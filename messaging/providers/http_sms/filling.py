"""From a message to the request that hands it over. Everything is read once and filled in for each message. Pure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from messaging.channels.base import Parcel, PermanentFailure
from messaging.providers.http_sms.config import LookUp, Receipts, Settings
from messaging.providers.http_sms.texts import VARIABLES, has_variables, id_of, names_in, parse
from messaging.texts.liquid import RenderFailed

Values = Mapping[str, Any]
Fill = Callable[[Values], Any]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Filling:
    """Makes a gateway's requests."""

    def __init__(self, settings: Settings) -> None:
        self._method = settings.method
        self._names: set[str] = set()
        self._token = _token(settings.receipts)
        self._url = self._address(settings.url)
        self._query = self._tree(settings.query) if settings.query else None
        self._headers = self._tree(settings.headers)
        self._form = self._tree(settings.form) if settings.form is not None else None
        self._json = self._tree(settings.tree) if settings.tree is not None else None
        self._constant = _credentials(settings)
        if self._json:
            self._constant["Content-Type"] = "application/json"
        elif self._form:
            self._constant["Content-Type"] = "application/x-www-form-urlencoded"

    def request(self, parcel: Parcel) -> Request:
        """
        Fill in one message.

        Raises:
            PermanentFailure: its data do not go with the texts; nothing was sent.
        """
        values = {name: VARIABLES[name](parcel) for name in self._names}
        if self._token and values.get("receipts_url"):
            values["receipts_url"] += self._token
        try:
            url = self._url(values)
            if self._query:
                url += ("&" if "?" in url else "?") + urlencode(self._query(values))
            return Request(self._method, url, self._head(values), self._body(values))
        except RenderFailed as error:
            raise PermanentFailure(str(error)) from error

    def _head(self, values: Values) -> Mapping[str, str]:
        headers: dict[str, str] = {**self._constant, **self._headers(values)}
        for name, value in headers.items():
            # What a message brings along must not become a header of its own.
            if _CONTROL.search(value):
                raise PermanentFailure(f"headers.{name}: a line break or control character")
        return headers

    def _body(self, values: Values) -> bytes | None:
        if self._json:
            return orjson.dumps(self._json(values))
        if self._form:
            return urlencode(self._form(values)).encode()
        return None

    def _tree(self, value: Any) -> Fill:
        """A function that fills in every text of a JSON tree."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            fills = {key: self._tree(item) for key, item in value.items()}
            return lambda values: {key: fill(values) for key, fill in fills.items()}
        if isinstance(value, list):
            items = [self._tree(item) for item in value]
            return lambda values: [fill(values) for fill in items]
        return lambda values: value

    def _address(self, url: str) -> Fill:
        fill = self._text(url)
        # Encoding takes longer than filling in, and most addresses name nothing.
        return (lambda values: fill(_encoded(values))) if has_variables(url) else fill

    def _text(self, text: str) -> Fill:
        if not has_variables(text):
            return lambda values: text
        template = parse(text)
        self._names |= names_in(template)
        return lambda values: template.render({"message": values})


class Question:
    """Makes the requests that ask whether a gateway has a message: with our credentials, and headers that are fixed."""

    def __init__(self, settings: Settings, look_up: LookUp) -> None:
        fixed = {name: text for name, text in settings.headers.items() if not has_variables(text)}
        self._headers = {**_credentials(settings), **fixed}
        self._method = look_up.method
        self._url = parse(look_up.url)

    def request(self, key: str) -> Request:
        url = self._url.render({"message": _encoded({"id": id_of(key), "key": key})})
        return Request(self._method, url, self._headers)


def _token(receipts: Receipts | None) -> str:
    """What makes the address for receipts complete, when the gateway shows its secret there."""
    if receipts is None or receipts.secret is None:
        return ""
    kind, _, name = receipts.secret_in.partition(":")
    return f"?{urlencode({name: receipts.secret})}" if kind == "query" else ""


def _credentials(settings: Settings) -> dict[str, str]:
    if settings.auth is None:
        return {}
    if basic := settings.auth.basic:
        return {"Authorization": f"Basic {b64encode(f'{basic.username}:{basic.password}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {settings.auth.bearer}"}


def _encoded(values: Values) -> Values:
    """For an address: what is a text stands in it as data, never as a part of its path."""
    return {name: quote(value, safe="") if isinstance(value, str) else value for name, value in values.items()}
