"""Points in time as programs write them: RFC 3339 in, aware UTC out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# A sender's clock may run ahead of ours by this much.
TOLERANCE = timedelta(minutes=15)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class InvalidMoment(ValueError):
    """The text is no point in time that we take. `code` is invalid_time, no_zone, out_of_range or future."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_moment(text: str) -> datetime:
    """
    Read e.g. "2026-04-06T04:33:20.131Z" or "…+07:00" as UTC.

    Raises:
        InvalidMoment: not a time, no offset from UTC, or outside 1970 to 2100.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidMoment("invalid_time", "is not an RFC 3339 time such as 2026-04-06T04:33:20Z") from error
    if moment.tzinfo is None:
        raise InvalidMoment("no_zone", "has no offset from UTC; write …Z or …+07:00")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidMoment("out_of_range", "is not between 1970 and 2100") from error
    if not EARLIEST <= moment < LATEST:
        raise InvalidMoment("out_of_range", "is not between 1970 and 2100")
    return moment


def read_past(text: str, now: datetime) -> datetime:
    """
    Read when something happened.

    Raises:
        InvalidMoment: as `read_moment`, and when it lies further ahead of `now` than clocks differ.
    """
    moment = read_moment(text)
    if moment > now + TOLERANCE:
        raise InvalidMoment("future", "lies in the future")
    return moment
