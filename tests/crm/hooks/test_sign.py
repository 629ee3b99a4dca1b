"""Signatures as the libraries of Standard Webhooks check them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from crm.hooks import sign

# The example of the specification's own libraries (standard-webhooks, "libraries"): secret, id, time and body are
# theirs, and the signature is computed there.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, tz=UTC)


def test_the_published_example_is_signed_as_published() -> None:
    assert sign.headers(SECRET, webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=AT, body=BODY) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_new_secret_is_256_bits_behind_the_usual_prefix() -> None:
    first, second = sign.new_secret(), sign.new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32


def test_another_body_or_time_has_another_signature() -> None:
    def signature(body: bytes, at: datetime) -> str:
        return sign.headers(SECRET, webhook_id="msg_1", at=at, body=body)["webhook-signature"]

    assert len({signature(BODY, AT), signature(BODY + b" ", AT), signature(BODY, AT.replace(year=2022))}) == 3
