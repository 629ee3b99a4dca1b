"""Phone numbers: any way of writing them in, E.164 out."""

import unicodedata

import phonenumbers


class InvalidPhone(ValueError):
    """The text is no dialable number; the message says why."""


def normalise_phone(text: str, region: str) -> str:
    """
    Return `text` as E.164, e.g. "081 234 5678" with region "TH" → "+66812345678".

    Digits of any script (Thai ๐–๙ too), full-width signs and invisible direction marks are read as what they mean.

    Raises:
        InvalidPhone: no number, or one that no network could have.
    """
    plain = "".join(
        str(unicodedata.digit(char)) if char.isdigit() else char
        for char in unicodedata.normalize("NFKC", text)
        if unicodedata.category(char) != "Cf"
    ).strip()
    # "+66 (0)81…" is written everywhere and dialled nowhere: the bracketed trunk zero goes.
    if plain.startswith(("+", "00")):
        plain = "+" + plain.replace("(0)", "").lstrip("+0")
    if len(plain) > 40:
        raise InvalidPhone("too long for a phone number")
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhone("not a phone number") from error
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise InvalidPhone("not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country_of(e164: str) -> str:
    """ISO 3166 country of an E.164 number, "" when it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or ""
    except phonenumbers.NumberParseException:
        return ""
