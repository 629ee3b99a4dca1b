"""Bytes of strangers as text."""

from email import message_from_bytes
from email.policy import default

import pytest

from messaging.texts.charsets import decode

THAI = "สวัสดีค่ะ"


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        (THAI.encode("cp874"), "tis-620", THAI),
        (THAI.encode("cp874"), "windows-874", THAI),
        (THAI.encode("cp874"), "", THAI),
        (THAI.encode("cp874"), "us-ascii", THAI),
        (THAI.encode("cp874"), "utf-8", THAI),
        (THAI.encode("cp874"), "x-klingon", THAI),
        (THAI.encode(), "tis-620", THAI),
        (THAI.encode(), "iso-8859-1", THAI),
        (THAI.encode(), "utf-16", THAI),
        (THAI.encode(), "x\0y", THAI),
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本"),
        ("hi".encode("utf-16"), "utf-16", "hi"),
        (b"aGk=", "base64", "aGk="),
        (b"uryyb", "rot13", "uryyb"),
        (b"\xff\xfe\x80", "", "\N{REPLACEMENT CHARACTER}" * 3),
        (b"", "utf-8", ""),
    ],
)
def test_it_is_read_as_what_it_is(raw: bytes, declared: str, text: str) -> None:
    assert decode(raw, declared) == text


def test_the_names_of_thai_windows_are_known_to_readers_of_mail() -> None:
    letter = message_from_bytes(b"Subject: =?windows-874?B?ysfRytTV?=\n\n", policy=default)
    assert letter["Subject"] == "สวัสิี"
