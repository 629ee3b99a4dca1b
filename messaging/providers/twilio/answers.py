"""
What Twilio's error codes mean for a message: https://www.twilio.com/docs/api/errors

The same codes come with the answer to a call and, later, with a receipt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus

from messaging.channels.base import (
    Accepted,
    AccountRefused,
    News,
    PermanentFailure,
    RateLimited,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.channels.wire import Answer, accepted, refuse, retry_after

# No number, no mobile, a landline.
_UNKNOWN_ADDRESS = frozenset({21211, 21217, 21401, 21407, 21421, 21614, 21635, 30005, 30006})
# Has answered STOP to Twilio; on a blocking list.
_BLOCKED = frozenset({21610, 30004})
# Our account or its sender: every message would fail alike.
_ACCOUNT = frozenset(
    {
        20003, 20005, 20006, 20008, 20404, 21212, 21603, 21606, 21608, 21609, 21659, 21660, 21701, 21702, 21703, 21704,
        21705, 30002,
    }
)  # fmt: skip
# Too fast (20429), a full queue of the sender (21611), the trial's pace (14107).
_TOO_FAST = frozenset({20429, 21611, 14107, 30001, 30022})
# The account's messages of a day are used up.
_QUOTA = frozenset({63038})
QUOTA_WAIT = timedelta(hours=1)


def understand(answer: Answer, *, now: datetime) -> Accepted:
    """
    The message's SID, or what went wrong.

    Raises:
        messaging.channels.base.Failure
    """
    said = answer.json if isinstance(answer.json, dict) else {}
    code = said.get("code")
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return accepted(said.get("sid"))
    detail = f"{answer.status} {code or ''} {said.get('message') or answer.body[:300]}"
    if code in _UNKNOWN_ADDRESS:
        raise PermanentFailure(detail, reason=Reason.UNKNOWN_ADDRESS)
    if code in _BLOCKED:
        raise PermanentFailure(detail, reason=Reason.BLOCKED)
    if code in _ACCOUNT:
        raise AccountRefused(detail)
    if code in _TOO_FAST:
        raise RateLimited(detail, retry_after=retry_after(answer, now=now))
    if code in _QUOTA:
        raise RateLimited(detail, retry_after=QUOTA_WAIT)
    refuse(answer, now=now)
    if answer.status == HTTPStatus.REQUEST_TIMEOUT:
        raise TemporaryFailure(detail)
    if answer.status >= HTTPStatus.BAD_REQUEST and code is not None:
        raise PermanentFailure(detail)
    raise Uncertain(detail)


def news_of(status: str, code: int) -> News | None:
    """What a receipt's status and error code report; None for a status that we do not know."""
    if status in ("failed", "undelivered"):
        if code in _UNKNOWN_ADDRESS:
            return News.UNKNOWN_ADDRESS
        return News.BLOCKED if code in _BLOCKED else News.UNDELIVERED
    # Whatever comes before delivery says that Twilio has the message.
    return _NEWS.get(status)


_NEWS = {
    "accepted": News.SENT,
    "scheduled": News.SENT,
    "queued": News.SENT,
    "sending": News.SENT,
    "sent": News.SENT,
    "delivered": News.DELIVERED,
    "read": News.DELIVERED,
}
