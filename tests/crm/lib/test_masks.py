import pytest

from crm.lib.masks import mask_email, mask_phone, mask_text, readable_phone


@pytest.mark.parametrize(
    ("full", "masked"), [("+66812345678", "+66 ••• 678"), ("+14155552671", "+1 ••• 671"), ("12345", "•••"), ("", "")]
)
def test_phones_keep_country_and_last_three_digits(full: str, masked: str) -> None:
    assert mask_phone(full) == masked


@pytest.mark.parametrize(
    ("full", "masked"),
    [("ploy@example.com", "p•••@e•••.com"), ("a@b.co.th", "a•••@b•••.th"), ("broken", "br•••"), ("", "")],
)
def test_emails_keep_first_letters_and_ending(full: str, masked: str) -> None:
    assert mask_email(full) == masked


def test_other_ids_keep_two_characters() -> None:
    assert (mask_text("U1234567"), mask_text("")) == ("U1•••", "")


def test_numbers_are_written_as_their_country_does() -> None:
    assert readable_phone("+66812345678") == "+66 81 234 5678"
    assert readable_phone("not a number") == "not a number"
