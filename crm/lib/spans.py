"""Durations in words, in the reader's language: P1DT12H is "1 day 12 hours"."""

from datetime import timedelta

from django.utils.translation import ngettext

from crm.lib.durations import parse_duration


def span_in_words(iso: str) -> str:
    """
    An ISO 8601 duration as people say it.

    Raises:
        ValueError: not a duration.
    """
    duration = parse_duration(iso)
    years, months = divmod(duration.months, 12)
    hours, rest = divmod(duration.clock, timedelta(hours=1))
    minutes, rest = divmod(rest, timedelta(minutes=1))
    parts = (
        (years, ngettext("%(n)s year", "%(n)s years", years)),
        (months, ngettext("%(n)s month", "%(n)s months", months)),
        (duration.days, ngettext("%(n)s day", "%(n)s days", duration.days)),
        (hours, ngettext("%(n)s hour", "%(n)s hours", hours)),
        (minutes, ngettext("%(n)s minute", "%(n)s minutes", minutes)),
        (rest.seconds, ngettext("%(n)s second", "%(n)s seconds", rest.seconds)),
    )
    said = [words % {"n": n} for n, words in parts if n]
    return " ".join(said) or ngettext("%(n)s second", "%(n)s seconds", 0) % {"n": 0}
