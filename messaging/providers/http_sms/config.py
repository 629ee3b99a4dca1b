"""The settings of a gateway: typed and checked, texts and all. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from http import HTTPMethod
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from crm.lib.durations import parse_duration
from messaging.channels.base import ConfigFault, News
from messaging.channels.shapes import Shape, faults_of, path_of
from messaging.providers.http_sms.paths import as_text, check_path
from messaging.providers.http_sms.texts import KEYS, check_text, check_url

DEEPEST = 10
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What the connection itself decides.
_NOT_YOURS = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})


def _duration(text: str) -> str:
    if not parse_duration(text).rough:
        raise ValueError(_("is no time at all"))
    return text


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(_("is no name of a header"))
    if name.lower() in _NOT_YOURS:
        raise ValueError(_("is set by the connection itself"))
    return name


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError(_("holds a line break or control character"))
    return text


def _place(text: str) -> str:
    """Where a gateway shows its secret: "header:X-Token" or "query:token"."""
    kind, _colon, name = text.partition(":")
    if kind not in ("header", "query") or not _TOKEN.fullmatch(name):
        raise ValueError(_("is not of the form header:X-Token or query:token"))
    return text


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _scalar(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(_("is no text, number, true or false"))  # noqa: TRY004 - pydantic reports ValueErrors
    return as_text(value)


def _path_or_none(text: str) -> str:
    return text and check_path(text)


Url = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(check_url)]
Path = Annotated[str, AfterValidator(check_path)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Line = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(max_length=2000)]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_one_line)]
# A value, or a list of them; always a list of texts once read.
Values = Annotated[
    list[Annotated[Any, AfterValidator(_scalar)]], BeforeValidator(_listed), Field(min_length=1, max_length=100)
]
Status = Annotated[int, Field(ge=100, le=599)]
Statuses = Annotated[list[Status], BeforeValidator(_listed), Field(min_length=1, max_length=50)]


class Basic(Shape):
    username: Annotated[Line, StringConstraints(min_length=1)]
    password: Line = ""


class Auth(Shape):
    """How we show who we are; anything else is a header."""

    basic: Basic | None = None
    bearer: Secret | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Auth:
        if (self.basic is None) == (self.bearer is None):
            raise ValueError(_("needs either basic or bearer"))
        return self


class Success(Shape):
    """
    When the gateway has the message: one of these statuses, and each path in `where` has that value, or one of those.

    `reference` is the path of the gateway's own id; "" when it gives none, and our key is the reference.
    """

    status: Statuses = [200]
    reference: Annotated[str, AfterValidator(_path_or_none)] = ""
    where: dict[Path, Values] = {}


class Means(StrEnum):
    """What a refusal means for the message."""

    UNKNOWN_ADDRESS = "unknown_address"
    BLOCKED = "blocked"
    REFUSED = "refused"
    TEMPORARY = "temporary"
    RATE_LIMITED = "rate_limited"
    ACCOUNT = "account"


class Refusal(Shape):
    """The gateway's own way of saying no: a status, a value at a path, or both. The first that fits counts."""

    status: Statuses | None = None
    path: Path | None = None
    values: Values | None = Field(None, alias="in")
    means: Annotated[Means, Field(strict=False)]

    @model_validator(mode="after")
    def _says_when(self) -> Refusal:
        if self.status is None and self.path is None:
            raise ValueError(_("needs a status, a path, or both"))
        if self.values is not None and self.path is None:
            raise ValueError(_("in needs a path"))
        return self


class LookUp(Shape):
    """How to ask whether the gateway has a message of ours. 404, or an answer without a reference, means no."""

    url: Url
    method: Literal["GET", "POST"] = "GET"
    status: Statuses = [200]
    reference: Path


class Hmac(Shape):
    """A signature over the raw body."""

    header: HeaderName
    secret: Secret
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"


class Door(Shape):
    """How a call proves that it comes from the gateway: a secret it shows, or a signature."""

    secret: Annotated[Secret, StringConstraints(min_length=8)] | None = None
    secret_in: Annotated[str, AfterValidator(_place)] = "query:token"  # noqa: S105 - the place of a secret
    hmac: Hmac | None = None

    @model_validator(mode="after")
    def _is_locked(self) -> Door:
        if (self.secret is None) == (self.hmac is None):
            raise ValueError(_("needs either secret or hmac: anybody could call an open door"))
        return self


class Receipts(Door):
    """Where a receipt says what. One of `reference` (the gateway's id) and `key` (ours) tells the message."""

    reference: Path | None = None
    key: Path | None = None
    status: Path
    states: Annotated[dict[str, Annotated[News, Field(strict=False)]], Field(min_length=1, max_length=100)]
    event_id: Path | None = None
    at: Path | None = None
    detail: Path | None = None

    @model_validator(mode="after")
    def _names_the_message(self) -> Receipts:
        if self.reference is None and self.key is None:
            raise ValueError(_("needs reference or key: whose receipt is it?"))
        return self


class Inbound(Door):
    """Where an inbound text says what."""

    sender: Path = Field(alias="from")
    text: Path
    id: Path | None = None
    at: Path | None = None
    to: Path | None = None


class Settings(Shape):
    """How to send by this gateway, what its answers mean, and how it calls us."""

    url: Url
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[HeaderName, Line] = {}
    auth: Auth | None = None
    tree: Any = Field(None, alias="json")
    form: dict[FieldName, Text] | None = None
    query: dict[FieldName, Text] = {}
    success: Success = Success()
    refusals: Annotated[list[Refusal], Field(max_length=100)] = []
    repeat: Literal["never", "key"] = "never"
    key_life: Annotated[str, AfterValidator(_duration)] = "PT24H"
    look_up: LookUp | None = None
    in_flight: Annotated[int, Field(ge=1, le=500)] = 200
    timeout: Annotated[int, Field(ge=1, le=15)] = 10
    receipts: Receipts | None = None
    inbound: Inbound | None = None

    @model_validator(mode="after")
    def _go_together(self) -> Settings:
        if self.tree is not None and self.form is not None:
            raise ValueError(_("takes json or form, not both"))
        if self.method == HTTPMethod.GET and (self.tree is not None or self.form is not None):
            raise ValueError(_("GET has no body: use query instead of json or form"))
        if self.repeat == "key" and self.look_up:
            raise ValueError(_("takes repeat or look_up, not both: a gateway that knows our keys need not be asked"))
        if self.auth and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError(_("takes auth or an Authorization header, not both"))
        return self

    @property
    def life_of_keys(self) -> timedelta:
        return parse_duration(self.key_life).rough

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text that is filled in for each message, with its path."""
        yield "url", self.url
        for name in ("headers", "form", "query"):
            yield from ((f"{name}.{key}", text) for key, text in (getattr(self, name) or {}).items())
        yield from _texts_in(self.tree, "json")


def read_settings(config: Mapping[str, Any]) -> Settings:
    """
    Read settings that `check_settings` found no fault with.

    Raises:
        pydantic.ValidationError: there are faults.
    """
    return Settings.model_validate(dict(config))


def check_settings(config: Mapping[str, Any]) -> list[ConfigFault]:
    """Everything that is wrong with a gateway's settings."""
    if _is_too_deep(config.get("json")):
        return [ConfigFault("json", _("is nested more than %(most)s levels deep") % {"most": DEEPEST})]
    try:
        settings = read_settings(config)
    except ValidationError as error:
        return faults_of(error)
    return list(_faults_in_texts(settings))


def _faults_in_texts(settings: Settings) -> Iterator[ConfigFault]:
    says_key = False
    for path, text in settings.texts():
        fault, names = check_text(text)
        says_key |= bool(KEYS & names)
        if fault:
            yield ConfigFault(path, fault)
    if settings.repeat == "key" and not says_key:
        yield ConfigFault(
            "repeat", _("the request says {{ message.key }} nowhere, so the gateway cannot know a repeat")
        )
    if settings.look_up:
        fault, names = check_text(settings.look_up.url)
        if fault or not names or names - KEYS:
            yield ConfigFault("look_up.url", fault or _("names {{ message.key }} and no other variable"))


def _texts_in(value: Any, *path: int | str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path_of(path), value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts_in(item, *path, key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts_in(item, *path, number)


def _is_too_deep(value: Any) -> bool:
    layer = [value]
    for _level in range(DEEPEST):
        layer = [
            item
            for outer in layer
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(layer)
