import pytest
from pydantic import Field, ValidationError

from messaging.channels.base import ConfigFault
from messaging.channels.shapes import Shape, faults_of


class Inner(Shape):
    names: list[str] = Field([], max_length=1)


class Outer(Shape):
    number: int
    inner: list[Inner] = []


def faults(data: object) -> list[ConfigFault]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    return faults_of(caught.value)


def test_a_fault_has_its_path_and_our_words() -> None:
    data = {"number": "7", "inner": [{"names": [1]}, {"names": ["a", "b"]}, 3], "more": 1}
    assert [str(fault) for fault in faults(data)] == [
        "number: is not a whole number",
        "inner[0].names[0]: is not a text",
        "inner[1].names: has more than 1",
        "inner[2]: is not an object",
        "more: is not known",
    ]


def test_words_we_have_none_for_are_pydantics() -> None:
    assert [str(fault) for fault in faults(None)] == ["is not an object"]
    assert [str(fault) for fault in faults({})] == ["number: is missing"]
