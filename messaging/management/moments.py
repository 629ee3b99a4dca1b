"""Times on the command line."""

from argparse import ArgumentTypeError
from datetime import datetime

from django.utils.dateparse import parse_datetime


def moment(text: str) -> datetime:
    """An instant, for `add_argument(type=…)`; without an offset nobody knows which is meant."""
    try:
        found = parse_datetime(text)
    except ValueError as problem:
        raise ArgumentTypeError(f"{text!r}: {problem}") from problem
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} is no ISO 8601 time with an offset, such as 2026-11-21T09:00:00+07:00")
    return found
