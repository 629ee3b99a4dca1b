"""Pictures that come with a text: those that Twilio keeps are fetched, others are only named."""

from typing import Any

import pytest

from messaging.channels.calls import FileThere, InboundIn, What
from messaging.providers.twilio.provider import TwilioProvider
from tests.messaging.providers.contract import AT
from tests.messaging.providers.test_twilio import ACCOUNT, CONFIG, sid, signed


def heard(**more: Any) -> InboundIn:
    form = {"MessageSid": sid(7), "From": "+66812345678", "To": "+12025550100", "Body": "Hi", **more}
    (inbound,) = TwilioProvider(CONFIG).hear(signed(form, what=What.INBOUND), now=AT).inbound
    return inbound


def test_pictures_that_twilio_keeps_are_to_be_fetched() -> None:
    place = f"{ACCOUNT}/Messages/MM{'b' * 32}/Media/ME{'c' * 32}"
    media = {"NumMedia": "1", "MediaContentType0": "image/jpeg"}
    inbound = heard(MediaUrl0=f"https://api.twilio.com/2010-04-01/Accounts/{place}", **media)
    assert (inbound.body, inbound.files_there) == ("Hi", [FileThere(place, "picture")])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x", "http://169.254.169.254/", "file:///etc/passwd", "",
        f"https://u@api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM{'b' * 32}/Media/ME{'c' * 32}",
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM{'b' * 32}/Media/../../../Keys.json",
    ],
)  # fmt: skip
def test_others_are_named_and_never_asked_for(url: str) -> None:
    inbound = heard(NumMedia="1", MediaContentType0="image/jpeg", MediaUrl0=url)
    assert (inbound.body, inbound.files_there) == (f"Hi\n[image/jpeg] {url}".strip(), [])


def test_pictures_are_named_with_where_they_are() -> None:
    media = {"NumMedia": "2", "MediaContentType0": "image/jpeg", "MediaUrl0": "https://api.twilio.com/1"}
    media |= {"MediaContentType1": "image/png", "MediaUrl1": "https://api.twilio.com/2"}
    assert heard(**media).body == ("Hi\n[image/jpeg] https://api.twilio.com/1\n[image/png] https://api.twilio.com/2")
    assert heard(Body="", **media).body.startswith("[image/jpeg]")
    assert heard(NumMedia="many").body == "Hi"
