from unittest import mock

import phonenumbers
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


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_of_every_country_a_number_is_known_as_its_own(region: str) -> None:
    """The short way, by the calling code, says what taking the whole number apart says."""
    kinds = (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE)
    numbers = [found for kind in kinds if (found := phonenumbers.example_number_for_type(region, kind))]
    assert numbers
    for number in numbers:
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert country_of(e164) == (phonenumbers.region_code_for_number(number) or "")


def test_where_a_calling_code_is_one_countrys_alone_no_number_is_taken_apart() -> None:
    with mock.patch("phonenumbers.parse") as parse:
        assert country_of("+66812345678") == "TH"
    parse.assert_not_called()


@pytest.mark.parametrize("written", ["+66", "+", "+999123456789", "nonsense", ""])
def test_what_is_no_number_has_no_country(written: str) -> None:
    assert country_of(written) == ""
