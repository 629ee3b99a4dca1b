"""Made-up phone numbers for histories without addresses, so that the sandbox phone has somebody to reach."""

from __future__ import annotations

from dataclasses import replace

from config.replay.history import History, Person

# A mobile prefix and how many digits follow, by country. The numbers look right and are only ever used in the sandbox.
_MOBILE = {"BR": ("+55119", 8), "GB": ("+447700", 6), "TH": ("+6681", 7)}


def with_phones(history: History) -> History:
    """The same history, each person with a number of their own; the same history always gives the same numbers."""
    prefix, digits = _MOBILE[history.country]
    numbered: dict[str, Person] = {}
    for key in sorted({happening.person.key for happening in history.happenings}):
        numbered[key] = Person(key=key, phone=f"{prefix}{len(numbered) + 10 ** (digits - 1):0{digits}d}")
    happenings = [
        replace(happening, person=replace(happening.person, phone=numbered[happening.person.key].phone))
        for happening in history.happenings
    ]
    return replace(history, happenings=happenings)
