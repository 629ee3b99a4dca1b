"""What LINE's answers mean for a message."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from messaging.channels.base import Accepted, PermanentFailure, RateLimited, Uncertain
from messaging.channels.reasons import Reason
from messaging.channels.wire import Answer, accepted, refuse

# The month's messages are used up: somebody buys more, or the month ends.
_QUOTA = "monthly limit"
QUOTA_WAIT = timedelta(hours=1)
_BAD_TO = "The property, 'to',"
_USED_TOKEN = "Invalid reply token"  # noqa: S105 - LINE's words


def understand(answer: Answer, *, now: datetime) -> Accepted:
    """
    The id of the request that was accepted, now or on an earlier try with the same key; or what went wrong.

    Raises:
        messaging.channels.base.Failure
    """
    if answer.status == HTTPStatus.OK and isinstance(answer.json, dict):
        return accepted(answer.headers.get("X-Line-Request-Id"))
    if answer.status == HTTPStatus.CONFLICT:
        return accepted(answer.headers.get("X-Line-Accepted-Request-Id"))
    words = _words(answer)
    detail = f"{answer.status} {words}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS and _QUOTA in words:
        raise RateLimited(detail, retry_after=QUOTA_WAIT)
    refuse(answer, now=now)
    if answer.status == HTTPStatus.BAD_REQUEST:
        reason = Reason.UNKNOWN_ADDRESS if _is_about_recipient(answer.json, words) else Reason.REFUSED
        raise PermanentFailure(detail, reason=reason)
    if answer.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
        raise PermanentFailure(detail)
    raise Uncertain(detail)


def is_used_token(answer: Answer) -> bool:
    """A reply token is good for one answer, for about a minute."""
    return answer.status == HTTPStatus.BAD_REQUEST and _USED_TOKEN in _words(answer)


def _words(answer: Answer) -> str:
    said = answer.json.get("message") if isinstance(answer.json, dict) else None
    return said if isinstance(said, str) else answer.body[:300]


def _is_about_recipient(said: Any, words: str) -> bool:
    details = said.get("details") if isinstance(said, dict) else None
    named = [detail.get("property") for detail in details or () if isinstance(detail, dict)]
    return words.startswith(_BAD_TO) or "to" in named
