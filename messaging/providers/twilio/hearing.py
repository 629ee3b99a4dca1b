"""What Twilio tells at our doors: https://www.twilio.com/docs/usage/webhooks/webhooks-security"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from crm.lib.numbers import whole
from messaging.channels.base import ReceiptIn
from messaging.channels.calls import (
    BadSignature,
    Call,
    FileThere,
    Heard,
    InboundIn,
    NoSuchDoor,
    Thanks,
    UnreadableCall,
    What,
)
from messaging.providers.twilio.answers import news_of

NAME = "twilio"
# Where our key stands in the address that we give for receipts.
KEY = "key"
TWIML = Thanks('<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml")
_MOST_MEDIA = 10
_LONGEST_SID = 64  # they have 34
# Where a picture is: of its address we believe the path, and enter host and version ourselves.
_MEDIA = re.compile(
    r"https?://[^/?#@\s]+/2010-04-01/Accounts/(AC[0-9a-f]{32}/Messages/(?:MM|SM)[0-9a-f]{32}/Media/ME[0-9a-f]{32})"
)
_NAMES = {"image": "picture", "video": "video", "audio": "audio"}
_PORTS = {"https": 443, "http": 80}
Form = dict[str, list[str]]


def hear(call: Call, *, auth_token: str, now: datetime) -> Heard:
    """
    A receipt at one door, a text at the other.

    Raises:
        messaging.channels.calls.Refused
    """
    if call.what == What.HOOK:
        raise NoSuchDoor
    try:
        form = parse_qs(call.body.decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise BadSignature("the body is no form") from error
    if not _is_signed(call, form, auth_token):
        raise BadSignature
    if call.what == What.RECEIPTS:
        return Heard(receipts=list(_receipts(call, form, now)), thanks=TWIML)
    return Heard(inbound=[_inbound(form, now)], thanks=TWIML)


def signature(url: str, form: Form, auth_token: str) -> str:
    """The address, and each parameter's name and value in order, under the account's token."""
    text = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _is_signed(call: Call, form: Form, auth_token: str) -> bool:
    given = call.headers.get("x-twilio-signature", "").encode()
    # Twilio signs the address sometimes with the port and sometimes without.
    return any(
        hmac.compare_digest(signature(url, form, auth_token).encode(), given) for url in set(_spellings(call.url))
    )


def _spellings(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    bare = f"[{host}]" if ":" in host else host
    yield url
    yield parts._replace(netloc=bare).geturl()
    yield parts._replace(netloc=f"{bare}:{parts.port or _PORTS.get(parts.scheme, 443)}").geturl()


def _receipts(call: Call, form: Form, now: datetime) -> Iterator[ReceiptIn]:
    sid, status = _one(form, "MessageSid") or _one(form, "SmsSid"), _one(form, "MessageStatus")
    if not sid or not status or len(sid) > _LONGEST_SID:
        raise UnreadableCall("MessageSid and MessageStatus are needed")
    code = _one(form, "ErrorCode")
    news = news_of(status, _number(code))
    if news is None:
        return
    yield ReceiptIn(
        provider=NAME,
        event_id=f"{sid}:{status}",
        news=news,
        at=now,
        key=call.query.get(KEY, ""),
        reference=sid,
        detail=" ".join(filter(None, (code, _one(form, "ErrorMessage")))),
        raw={name: values[0] for name, values in form.items()},
    )


def _inbound(form: Form, now: datetime) -> InboundIn:
    sid, sender = _one(form, "MessageSid"), _one(form, "From")
    if not sid or not sender or len(sid) > _LONGEST_SID:
        raise UnreadableCall("MessageSid and From are needed")
    # When Twilio itself has understood STOP, START or HELP, in whatever words, that is what was said.
    body = _one(form, "OptOutType") or _one(form, "Body")
    there, elsewhere = _media(form)
    return InboundIn(
        provider=NAME,
        provider_id=sid,
        from_address=sender,
        to=_one(form, "To"),
        at=now,
        body="\n".join([body, *elsewhere]).strip(),
        files_there=there,
    )


def _media(form: Form) -> tuple[list[FileThere], list[str]]:
    """The pictures that Twilio keeps; and a line for each of those that are somewhere else, where we do not go."""
    there: list[FileThere] = []
    elsewhere: list[str] = []
    for number in range(min(_number(_one(form, "NumMedia")), _MOST_MEDIA)):
        kind, url = _one(form, f"MediaContentType{number}"), _one(form, f"MediaUrl{number}")
        if found := _MEDIA.fullmatch(url):
            there.append(FileThere(found[1], _NAMES.get(kind.partition("/")[0], "file")))
        else:
            elsewhere.append(f"[{kind}] {url}")
    return there, elsewhere


def _number(text: str) -> int:
    """A short number; 0 for anything else."""
    return whole(text, most=999_999_999) or 0


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[0]
