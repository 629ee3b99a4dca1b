"""
One strict reading of JSON for every door.

JSON as people send it has corners where parsers, databases and the next program disagree: two equal keys, NaN, half a
surrogate pair, a NUL that PostgreSQL cannot store, a million brackets. All of them are refused here, by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

MAX_DEPTH = 20
_KEY_END = re.compile(rb'"\s*:')
_NO_NUMBER = re.compile(rb"-?(NaN|Infinity)")
_MAYBE_HUGE = re.compile(rb"[0-9]{19}|[0-9][eE]\+?[0-9]")
_HUGE = 2.0**63


class InvalidJSON(ValueError):
    """
    The bytes are no JSON that we take.

    Attributes:
        code: invalid_json, invalid_encoding, invalid_text, invalid_number, duplicate_key, too_deep or not_an_object.
        pointer: where, as a JSON pointer, "" for the document itself.
    """

    def __init__(self, code: str, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer


def read_object(raw: bytes, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """
    Read `raw` as one JSON object, nested at most `max_depth` deep.

    Raises:
        InvalidJSON: it is not, or it holds something no two programs read alike.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _explain(raw, error) from error
    if type(value) is not dict:
        raise InvalidJSON("not_an_object", "The body must be a JSON object.")
    keys = _count_keys(value, max_depth)
    # Every pair ends its key with `":`, so equal counts prove that no key came twice. A text such as ":-)" makes the
    # first count larger, and only then is the slower proof needed.
    if len(_KEY_END.findall(raw)) != keys:
        _refuse_duplicates(raw)
    if b"\\u0000" in raw:
        _refuse_nul(value)
    if _MAYBE_HUGE.search(raw):
        _refuse_huge(value)
    return value


def pointer(*parts: object) -> str:
    """The JSON pointer (RFC 6901) of nested keys and indices: ("a/b", 0) → "/a~1b/0"."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def _explain(raw: bytes, error: orjson.JSONDecodeError) -> InvalidJSON:
    text = error.msg
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in raw[:4] or "not valid UTF-8" in text or "BOM" in text:
        return InvalidJSON("invalid_encoding", "The body is not UTF-8 without a byte order mark.")
    if "surrogate" in text:
        return InvalidJSON("invalid_text", "The body holds half of a surrogate pair, which is no character.")
    if b"\x00" in raw:
        return InvalidJSON("invalid_text", "The body holds a NUL character.")
    if "depth" in text:
        return InvalidJSON("too_deep", f"The body is nested more than {MAX_DEPTH} levels deep.")
    if "infinity" in text or _NO_NUMBER.match(raw, error.pos):
        return InvalidJSON("invalid_number", f"No finite number at line {error.lineno}, column {error.colno}.")
    return InvalidJSON("invalid_json", f"The body is not JSON: line {error.lineno}, column {error.colno}.")


def _count_keys(value: Any, max_depth: int) -> int:
    """Count the keys of all objects, level by level, and refuse what is nested too deep."""
    keys = depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > max_depth:
            raise InvalidJSON("too_deep", f"The body is nested more than {max_depth} levels deep.")
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys += len(node)
                children = node.values()
            else:
                children = node
            below += [child for child in children if type(child) is dict or type(child) is list]
        level = below
    return keys


def _refuse_duplicates(raw: bytes) -> None:
    def build(pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for key, _value in pairs:
            if key in seen:
                raise InvalidJSON("duplicate_key", f'The key "{key[:100]}" stands twice in one object.')
            seen.add(key)

    json.loads(raw, object_pairs_hook=build)


def _refuse_huge(value: Any, path: tuple[object, ...] = ()) -> None:
    """PostgreSQL gives 1e308 back as a whole number of 309 digits, which the next program cannot read."""
    if isinstance(value, float) and abs(value) >= _HUGE:
        raise InvalidJSON("invalid_number", "The number is beyond 64 bits.", pointer(*path))
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        _refuse_huge(child, (*path, key))


def _refuse_nul(value: Any) -> None:
    for path, text in _texts(value):
        if "\x00" in text:
            raise InvalidJSON("invalid_text", "The text holds a NUL character.", pointer(*path))


def _texts(value: Any, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], str]]:
    """Every text in `value`, keys included, with the path to it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield path, key
            yield from _texts(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, (*path, index))
