from typing import Any

import pytest

from crm.lib.vault import CannotUnseal, seal, unseal


def test_what_is_sealed_can_be_read_and_is_not_to_be_seen() -> None:
    sealed = seal({"token": "s3cret", "url": "https://example.com"})
    assert "s3cret" not in sealed
    assert unseal(sealed) == {"token": "s3cret", "url": "https://example.com"}


def test_nothing_seals_to_nothing() -> None:
    assert seal({}) == ""
    assert unseal("") == {}


def test_another_key_does_not_open_it(settings: Any) -> None:
    sealed = seal({"token": "s3cret"})
    settings.CREDENTIALS_KEY = "another key of more than thirty-two characters"
    with pytest.raises(CannotUnseal, match="another CREDENTIALS_KEY"):
        unseal(sealed)


def test_a_damaged_text_does_not_open() -> None:
    sealed = seal({"token": "s3cret"})
    for bad in (sealed[:-2], sealed.swapcase(), "not sealed by us"):
        with pytest.raises(CannotUnseal):
            unseal(bad)
