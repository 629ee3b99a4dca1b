"""What a gateway's answer means for the message. Pure."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from messaging.channels import wire
from messaging.channels.base import (
    Accepted,
    AccountRefused,
    Failure,
    PermanentFailure,
    RateLimited,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.channels.wire import Answer
from messaging.providers.http_sms.config import LookUp, Means, Refusal, Settings, Success
from messaging.providers.http_sms.paths import read_path, read_text

# No credit, no such address, moved away: every message would meet the same, so a person has to look.
_ABOUT_THE_ACCOUNT = frozenset(
    {
        HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, HTTPStatus.GONE,
    }
)  # fmt: skip
_NOT_NOW = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_REASONS = {
    Means.UNKNOWN_ADDRESS: Reason.UNKNOWN_ADDRESS,
    Means.BLOCKED: Reason.BLOCKED,
    Means.REFUSED: Reason.REFUSED,
}


def understand(answer: Answer, settings: Settings, key: str, *, now: datetime) -> Accepted:
    """
    Read the answer to the message `key`: what the settings call a refusal, then what they call a success, then HTTP.

    Raises:
        Failure: of the kind that says what to do next.
    """
    for refusal in settings.refusals:
        if _fits(refusal, answer):
            raise _refused(refusal.means, answer, now=now)
    if answer.status in settings.success.status:
        return _taken(answer, settings.success, key)
    wire.refuse(answer, now=now)
    said = _said(answer)
    if answer.status in _NOT_NOW:
        raise TemporaryFailure(said, retry_after=wire.retry_after(answer, now=now))
    if answer.status in _ABOUT_THE_ACCOUNT or HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        raise AccountRefused(said)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise PermanentFailure(said)
    raise Uncertain(f"{said}: not among success.status")


def find_reference(answer: Answer, look_up: LookUp) -> str | None:
    """
    The gateway's reference of a message that was asked for; None when it has no such message.

    Raises:
        Uncertain: it does not say.
    """
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status not in look_up.status or answer.json is None:
        raise Uncertain(_said(answer))
    return read_text(answer.json, look_up.reference).replace("\0", "") or None


def _fits(refusal: Refusal, answer: Answer) -> bool:
    if refusal.status is not None and answer.status not in refusal.status:
        return False
    if refusal.path is None:
        return True
    if refusal.values is None:
        return read_path(answer.json, refusal.path) not in (None, "", [], {})
    return read_text(answer.json, refusal.path) in refusal.values


def _refused(means: Means, answer: Answer, *, now: datetime) -> Failure:
    said, after = _said(answer), wire.retry_after(answer, now=now)
    if means == Means.TEMPORARY:
        return TemporaryFailure(said, retry_after=after)
    if means == Means.RATE_LIMITED:
        return RateLimited(said, retry_after=after)
    if means == Means.ACCOUNT:
        return AccountRefused(said)
    return PermanentFailure(said, reason=_REASONS[means])


def _taken(answer: Answer, success: Success, key: str) -> Accepted:
    for path, values in success.where.items():
        found = read_text(answer.json, path)
        if not found:
            raise Uncertain(f"{_said(answer)}: it has no {path}")
        if found not in values:
            raise PermanentFailure(_said(answer))
    if not success.reference:
        return Accepted(key)
    return wire.accepted(read_path(answer.json, success.reference))


def _said(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300]}"
