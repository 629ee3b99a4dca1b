"""One strict reading of JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib.strict_json import MAX_DEPTH, InvalidJSON, pointer, read_object


def refused(raw: bytes) -> str:
    with pytest.raises(InvalidJSON) as caught:
        read_object(raw)
    return caught.value.code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"a": NaN}', "invalid_number"),
        (b'{"a": -Infinity}', "invalid_number"),
        (b'{"a": 1e999}', "invalid_number"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "duplicate_key"),
        (b'{"a" : 1, "a" : ":-)"}', "duplicate_key"),
        (b'{"a": "\\ud800"}', "invalid_text"),
        (b'{"a": "\\u0000"}', "invalid_text"),
        (b'{"a\\u0000": 1}', "invalid_text"),
        (b'{"a": "\x00"}', "invalid_text"),
        ('{"a": 1}'.encode("utf-16"), "invalid_encoding"),
        ('{"a": 1}'.encode("utf-16-le"), "invalid_encoding"),
        (b'\xef\xbb\xbf{"a": 1}', "invalid_encoding"),
        (b'{"a": "\xff"}', "invalid_encoding"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "too_deep"),
    ],
)
def test_what_no_two_programs_read_alike_is_refused_by_name(raw: bytes, code: str) -> None:
    assert refused(raw) == code


def test_the_place_of_a_nul_is_named() -> None:
    with pytest.raises(InvalidJSON) as caught:
        read_object(b'{"a": {"b/c": ["x", "\\u0000"]}}')
    assert caught.value.pointer == "/a/b~1c/1"


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    assert read_object(b'{"a": "\\\\u0000"}') == {"a": "\\u0000"}


def test_a_text_that_looks_like_the_end_of_a_key_is_no_duplicate() -> None:
    assert read_object(b'{"a": ":", "b": "\\":", "c": ": \\" :"}') == {"a": ":", "b": '":', "c": ': " :'}


def test_the_deepest_nesting_that_is_taken() -> None:
    lists = MAX_DEPTH - 1
    assert "a" in read_object(b'{"a": ' + b"[" * lists + b"]" * lists + b"}")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON, max_size=5), st.booleans())
def test_whatever_json_writes_is_read_back(value: dict[str, object], ascii_only: bool) -> None:
    assert read_object(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def test_pointers_escape_what_rfc_6901_escapes() -> None:
    assert pointer("a/b", 0, "c~d") == "/a~1b/0/c~0d"


@pytest.mark.parametrize("number", ["1e308", "-1E+300", "1" * 30, "9223372036854775808e0", "18446744073709551616"])
def test_a_number_beyond_64_bits_is_refused_where_it_stands(number: str) -> None:
    with pytest.raises(InvalidJSON) as caught:
        read_object(b'{"a": [{"b": %s}]}' % number.encode())
    assert (caught.value.code, caught.value.pointer) == ("invalid_number", "/a/0/b")


@pytest.mark.parametrize("number", ["9223372036854775807", "1e18", "0.00000000000000000001", "1e-300", '"1e308"'])
def test_numbers_that_64_bits_hold_are_taken(number: str) -> None:
    assert read_object(b'{"a": %s}' % number.encode())
