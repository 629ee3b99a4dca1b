"""What django-anymail raises, and what it means for a message."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django.core.mail import BadHeaderError
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from messaging.channels.base import AccountRefused, Failure, NeverSent, PermanentFailure, Uncertain
from messaging.channels.reasons import Reason
from messaging.channels.wire import Answer, refuse

# Postmark, 422: no credits left, an account or a sender that is not approved.
_POSTMARK_ACCOUNT = frozenset({400, 401, 405, 412, 413})
_NOT_OURS = frozenset(
    {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}
)


def understand(error: Exception, *, now: datetime) -> Failure:
    """The failure that `error` stands for."""
    try:
        if isinstance(error, AnymailRecipientsRefused):
            return _refused(error)
        if isinstance(error, AnymailConfigurationError):
            return AccountRefused(_words(error))
        if isinstance(
            error, BadHeaderError | AnymailInvalidAddress | AnymailUnsupportedFeature | AnymailSerializationError
        ):
            return PermanentFailure(_words(error))
        if isinstance(error, AnymailAPIError) and error.response is not None:
            return _answered(error, now)
        if _never_connected(error):
            return NeverSent(_words(error))
    except Failure as failure:
        return failure
    return Uncertain(_words(error))


def _refused(error: AnymailRecipientsRefused) -> PermanentFailure:
    """The service takes no letter for this address: it is none, or has bounced, complained or left before."""
    statuses = {status.status for status in error.email_message.anymail_status.recipients.values()}
    reason = Reason.UNKNOWN_ADDRESS if statuses == {"invalid"} else Reason.BLOCKED
    return PermanentFailure(_words(error), reason=reason)


def _answered(error: AnymailAPIError, now: datetime) -> Failure:
    response: requests.Response = error.response
    answer = Answer(response.status_code, response.headers, response.text, None)
    detail = f"{answer.status} {answer.body[:300]}"
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Uncertain(f"accepted, but the answer makes no sense: {detail}")
    refuse(answer, now=now)
    if answer.status in _NOT_OURS or _postmark_code(response) in _POSTMARK_ACCOUNT:
        return AccountRefused(detail)
    if answer.status < HTTPStatus.BAD_REQUEST:
        return Uncertain(detail)
    return PermanentFailure(detail)


def _postmark_code(response: requests.Response) -> object:
    try:
        said = response.json()
    except ValueError:
        return None
    return said.get("ErrorCode") if isinstance(said, dict) else None


def _never_connected(error: Exception) -> bool:
    cause = error.__cause__
    if isinstance(cause, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    inner = cause.args[0] if isinstance(cause, requests.ConnectionError) and cause.args else None
    return isinstance(inner, MaxRetryError) and isinstance(
        inner.reason, NewConnectionError | ConnectTimeoutError | SSLError
    )


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
