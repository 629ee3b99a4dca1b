"""
The Liquid filters that templates may use: a list, not a leftover.

Texts and numbers that would grow without bound end with an error; dates and money are ours, so that they speak the
reader's language and read no clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import wraps
from inspect import signature
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import dates, translation
from liquid.builtin.filters import array, math, misc, string
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from crm.lib.money import InvalidMoney, Money
from crm.lib.zones import zone_names

Number = int | float
LARGEST_NUMBER = 10**15
LONGEST_TEXT = 20_000  # characters
# What the library itself passes to a filter that asks for it.
_INJECTED = frozenset({"context", "environment"})
_DIRECTIVE = re.compile(r"%(-?[A-Za-z%])")


def _bounded(calculate: Callable[..., Number]) -> Callable[..., Number]:
    """Multiplying in a loop must not build numbers with a million digits."""

    @wraps(calculate)
    def bounded(left: object, *args: object) -> Number:
        result = calculate(left, *args)
        if abs(result) > LARGEST_NUMBER:
            raise FilterArgumentError("the number grows too large", token=None)
        return result

    return bounded


def _short(write: Callable[..., Any]) -> Callable[..., Any]:
    """Nor must appending in a loop fill the memory. What comes in is short, so what goes out cannot be huge."""

    @wraps(write)
    def short(*args: object, **settings: object) -> Any:
        result = write(*args, **settings)
        if isinstance(result, str) and len(result) > LONGEST_TEXT:
            raise FilterArgumentError("the text grows too long", token=None)
        return result

    return short


@with_context
def format_date(value: object, pattern: object = "%-d %B %Y", *, context: RenderContext) -> str:
    """
    `{{ order.promised_at | date: "%-d %B" }}`: a strftime pattern, in the reader's language and time zone.

    Takes ISO 8601 text; what is no date stays as it is, as Liquid has it.
    """
    moment = _moment(value)
    if moment is None:
        return str(value)
    if moment.tzinfo is not None:
        name = context.globals.get("time_zone")
        moment = moment.astimezone(ZoneInfo(name if isinstance(name, str) and name in zone_names() else "UTC"))
    with translation.override(str(context.globals.get("language") or "en")):
        return _DIRECTIVE.sub(lambda match: _told(match, moment), str(pattern)[:100])


def format_money(value: object, currency: object = "") -> str:
    """`{{ order.total | money: order.currency }}` → "1,112.80 THB"; what is no amount stays as it is."""
    try:
        return str(Money.of(str(value), str(currency)))
    except InvalidMoney:
        return str(value)


def _told(directive: re.Match[str], at: datetime) -> str:
    """What the directive stands for; one we do not know stands for itself."""
    tell = _DIRECTIVES.get(directive[1])
    return tell(at) if tell else directive[0]


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, datetime.min.time())
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


_DIRECTIVES: Mapping[str, Callable[[datetime], str]] = {
    "d": lambda at: f"{at.day:02}",
    "-d": lambda at: str(at.day),
    "e": lambda at: str(at.day),
    "m": lambda at: f"{at.month:02}",
    "-m": lambda at: str(at.month),
    "B": lambda at: str(dates.MONTHS[at.month]),
    "b": lambda at: str(dates.MONTHS_3[at.month]).capitalize(),
    "Y": lambda at: str(at.year),
    "y": lambda at: f"{at.year % 100:02}",
    "A": lambda at: str(dates.WEEKDAYS[at.weekday()]),
    "a": lambda at: str(dates.WEEKDAYS_ABBR[at.weekday()]),
    "H": lambda at: f"{at.hour:02}",
    "I": lambda at: f"{at.hour % 12 or 12:02}",
    "M": lambda at: f"{at.minute:02}",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "%": lambda _: "%",
}

ALLOWED: Mapping[str, Callable[..., Any]] = {
    "abs": math.abs_,
    "append": _short(string.append),
    "at_least": math.at_least,
    "at_most": math.at_most,
    "capitalize": string.capitalize,
    "ceil": math.ceil,
    "date": format_date,
    "default": misc.default,
    "divided_by": _bounded(math.divided_by),
    "downcase": string.downcase,
    "escape": string.escape,
    "first": array.first,
    "floor": math.floor,
    "join": _short(array.join),
    "last": array.last,
    "minus": _bounded(math.minus),
    "modulo": math.modulo,
    "money": format_money,
    "newline_to_br": string.newline_to_br,
    "plus": _bounded(math.plus),
    "prepend": _short(string.prepend),
    "remove": string.remove,
    "remove_first": string.remove_first,
    "replace": _short(string.replace),
    "replace_first": _short(string.replace_first),
    "round": math.round_,
    "size": misc.size,
    "slice": string.slice_,
    "split": string.split,
    "strip": string.strip,
    "strip_html": string.strip_html,
    "strip_newlines": string.strip_newlines,
    "times": _bounded(math.times),
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "upcase": string.upcase,
    "url_encode": string.url_encode,
}


def check_arguments(name: str, *, number: int, names: Iterable[str]) -> None:
    """
    Whether the filter `name` can be used with so many arguments by place, and those by name.

    Raises:
        TypeError: it needs another, or takes no such one.
    """
    takes = signature(ALLOWED[name])
    given = dict.fromkeys([*names, *(_INJECTED & takes.parameters.keys())])
    takes.bind("what is left of it", *[""] * number, **given)
