import pytest

from crm.lib.numbers import LARGEST, whole


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), (str(LARGEST), LARGEST)])
def test_digits_are_a_whole_number(text: str, number: int) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["", " 7", "-1", "+1", "1.0", "1e3", "๗", "²", str(LARGEST + 1), "9" * 5_000])
def test_anything_else_is_none_and_so_is_what_no_column_holds(text: str) -> None:
    assert whole(text) is None


def test_it_may_be_bounded_further() -> None:
    assert (whole("200", most=200), whole("201", most=200), whole("1000", most=200)) == (200, None, None)
