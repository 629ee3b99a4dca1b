import pytest

from crm.lib.phones import InvalidPhone, country_of, normalise_phone


@pytest.mark.parametrize(
    "written",
    [
        "0812345678", "081 234 5678", "081-234-5678", "+66812345678", "+66 (0)81-234-5678", "๐๘๑๒๓๔๕๖๗๘",
        "\u200f081 234 5678\u200e", "０８１２３４５６７８", "0066812345678",
    ],
)  # fmt: skip
def test_one_number_written_in_many_ways_is_one_number(written: str) -> None:
    assert normalise_phone(written, "TH") == "+66812345678"


@pytest.mark.parametrize("written", ["", "hello", "12", "+", "0812345678 ext 5", "9" * 41])
def test_what_nobody_could_dial_is_refused(written: str) -> None:
    with pytest.raises(InvalidPhone):
        normalise_phone(written, "TH")


def test_a_numbers_country_is_known() -> None:
    assert country_of("+66812345678") == "TH"
    assert country_of("nonsense") == ""
