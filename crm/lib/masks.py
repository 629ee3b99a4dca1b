"""How addresses look to those who may not see them in full: enough to tell two apart, too little to write to."""

import phonenumbers


def readable_phone(e164: str) -> str:
    """ "+66812345678" → "+66 81 234 5678"; what cannot be read stays as it is."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def mask_phone(e164: str) -> str:
    """ "+66812345678" → "+66 ••• 678"."""
    if len(e164) < 8:
        return "•••" if e164 else ""
    return f"{readable_phone(e164).split()[0]} ••• {e164[-3:]}"


def mask_email(email: str) -> str:
    """ "ploy@example.com" → "p•••@e•••.com"."""
    local, at, domain = email.partition("@")
    if not at:
        return mask_text(email)
    name, dot, ending = domain.rpartition(".")
    return f"{local[:1]}•••@{name[:1]}•••{dot}{ending}"


def mask_text(text: str) -> str:
    """Any other id: its first two characters."""
    return f"{text[:2]}•••" if text else ""
