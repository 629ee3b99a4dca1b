"""The rule grammar's nodes and shared shapes. Leaves register themselves in crm.rules.conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from crm.lib.durations import parse_duration

MAX_DEPTH = 8
MAX_NODES = 100
# What both databases compare exactly.
LARGEST = 10**15
PLACES = 10
# Storefronts send amounts as numbers or as text; both count as numbers when they look like one.
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
NUMBER_LENGTH = 17


class Shape(BaseModel):
    """A part of a rule: unknown keys are refused, nothing is coerced silently, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _iso_duration(text: str) -> str:
    parse_duration(text)
    return text


def _printable(text: str) -> str:
    """What no database takes, or no JSON can carry, is refused here and not by the database."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a NUL character or half of a surrogate pair")
    return text


def _path(text: str) -> str:
    if '"' in text or not all(text.split(".")):
        raise ValueError("not a property's name: no quotation marks, and something on both sides of a dot")
    return text


def _measurable(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) <= LARGEST:
        raise ValueError("beyond 15 digits")
    return value


def looks_like_number(text: str) -> bool:
    """Whether a text counts as a number: plain digits, perhaps a sign and a fraction."""
    return len(text) <= NUMBER_LENGTH and NUMBER.fullmatch(text) is not None


IsoDuration = Annotated[str, AfterValidator(_iso_duration)]
Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
PropertyPath = Annotated[Name, AfterValidator(_path)]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Scalar = Annotated[Text | bool | int | float, AfterValidator(_measurable)]


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic reports ValueErrors
    try:
        number = Decimal(str(value))
    except ArithmeticError as error:
        raise ValueError("not a number") from error
    if not number.is_finite():
        raise ValueError("not a finite number")
    if number.copy_abs() > LARGEST or -int(number.as_tuple().exponent) > PLACES:
        raise ValueError(f"beyond 15 digits or {PLACES} decimal places")
    return number


Number = Annotated[Decimal, BeforeValidator(_number)]


class Compare(Shape):
    """A number held against bounds; all of them must hold. At least one is given."""

    eq: Number | None = None
    ne: Number | None = None
    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Compare:
        if not self.bounds():
            raise ValueError("needs at least one of eq, ne, gt, gte, lt, lte")
        return self

    def bounds(self) -> list[tuple[str, Decimal]]:
        """The given bounds as (operator, value)."""
        return [(name, value) for name in type(self).model_fields if (value := getattr(self, name)) is not None]

    def holds(self, value: Decimal | int | float | None) -> bool:
        """Whether `value` satisfies every bound; nothing satisfies none."""
        return value is not None and all(OPERATORS[name](Decimal(str(value)), bound) for name, bound in self.bounds())


OPERATORS = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


class Where(Shape):
    """One test of an event's property; `property` may be a dotted path into nested objects."""

    property: PropertyPath
    op: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "exists", "not_exists"]
    value: Scalar | Annotated[list[Scalar], Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Where:
        if self.op in {"exists", "not_exists"}:
            if self.value is not None:
                raise ValueError(f"{self.op} takes no value")
        elif self.op in {"in", "not_in"}:
            if not isinstance(self.value, list) or not self.value:
                raise ValueError(f"{self.op} needs a list of values")
        elif self.value is None or isinstance(self.value, list):
            raise ValueError(f"{self.op} needs one value")
        elif self.op in {"gt", "gte", "lt", "lte"} and isinstance(self.value, bool):
            raise ValueError(f"{self.op} needs a number or a date")
        return self


WhereList = Annotated[list[Where], Field(max_length=20)]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A parsed condition: the leaf's name and its typed value."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Group:
    """`all` (empty: everybody) or `any` (empty: nobody) of the nodes."""

    kind: Literal["all", "any"]
    nodes: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    node: Rule


Rule = Leaf | Group | Not


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: `all[1].event.within`, "not an ISO 8601 duration"."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidRule(ValueError):
    """The JSON is no rule; `faults` lists every reason."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def within_delta(text: str) -> timedelta:
    """The length of a validated `within`."""
    return parse_duration(text).rough
