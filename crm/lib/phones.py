"""Phone numbers: any way of writing them in, E.164 out."""

import re
import unicodedata

import phonenumbers

# Calling codes that belong to one country alone; no code begins with another. Whose the rest are ("1" is the United
# States', Canada's and more), only the whole number tells.
_COUNTRIES = {
    str(code): regions[0] for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if len(regions) == 1
}
_WRITTEN_OUT = re.compile(r"\+[0-9]{7,15}")


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
    """ISO 3166 country of an E.164 number, "" when it has none. Of most countries the calling code is enough."""
    if _WRITTEN_OUT.fullmatch(e164):
        for length in (2, 3, 1):
            if country := _COUNTRIES.get(e164[1 : 1 + length]):
                return country
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or ""
    except phonenumbers.NumberParseException:
        return ""
