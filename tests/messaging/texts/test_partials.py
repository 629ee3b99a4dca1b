"""Shared pieces, put into texts."""

import time

import pytest

from messaging.texts.liquid import InvalidTemplate
from messaging.texts.partials import names_in, put_in, without

PIECES = {"footer": "Bye, {{ shop.name }}", "outer": '[{% render "footer" %}]', "loop": '{% render "loop" %}'}


def test_a_piece_stands_where_it_was_asked_for() -> None:
    assert put_in("Hi\n{% render 'footer' %}!", PIECES.__getitem__) == "Hi\nBye, {{ shop.name }}!"


def test_pieces_may_stand_in_pieces() -> None:
    assert put_in('{%render "outer"%}', PIECES.__getitem__) == "[Bye, {{ shop.name }}]"


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ('a\n{% render "nothing" %}', "unknown_partial", 2),
        ('{% render "loop" %}', "not_offered", 0),
        ('{% render "bomb" %}', "too_large", 0),
    ],
)
def test_what_cannot_be_put_in_is_refused_at_once(source: str, code: str, line: int) -> None:
    pieces = {**PIECES, "bomb": '{% render "fuse" %}' * 1000, "fuse": '{% render "charge" %}' * 1000, "charge": "x" * 9}
    before = time.thread_time()
    with pytest.raises(InvalidTemplate) as refused:
        put_in(source, pieces.__getitem__)
    assert (refused.value.code, refused.value.line) == (code, line)
    assert time.thread_time() - before < 1


def test_pieces_that_say_nothing_cannot_be_put_in_for_ever() -> None:
    pieces = {"a": '{% render "b" %}' * 1000, "b": '{% render "c" %}' * 1000, "c": ""}
    before = time.thread_time()
    with pytest.raises(InvalidTemplate) as refused:
        put_in('{% render "a" %}', pieces.__getitem__)
    assert refused.value.code == "too_large"
    assert time.thread_time() - before < 1


def test_what_is_asked_for_and_what_is_left() -> None:
    source = '{% render "a" %}\n{% render\n"b" %}{% render "a" %}'
    assert names_in(source) == ["a", "b"]
    assert without(source) == "\n\n"
