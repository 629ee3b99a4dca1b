"""Twilio, against a server that speaks its wire format, and against the checks of its own library."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from messaging.channels import registry
from messaging.channels.base import (
    Accepted,
    AccountRefused,
    News,
    PermanentFailure,
    Provider,
    RateLimited,
    Uncertain,
)
from messaging.channels.calls import BadSignature, Call, NoSuchDoor, UnreadableCall, What
from messaging.channels.reasons import Reason
from messaging.models import (
    ChannelSettings,
    InboundMessage,
    Message,
    ProviderCall,
    Receipt,
    RefusedCalls,
    Suppression,
)
from messaging.outbox.reconcile import reconcile
from messaging.outbox.sender import send_due
from messaging.providers.twilio import hearing
from messaging.providers.twilio.provider import TwilioProvider
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory, topic
from tests.messaging.providers.contract import AT
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Taken
from tests.messaging.providers.http_contract import HttpContract, ReceiptsContract

ACCOUNT = "AC" + "a" * 32
TOKEN = "the-auth-token"
CONFIG = {"account_sid": ACCOUNT, "auth_token": TOKEN}
URL = "https://crm.shop.example/hooks/messages/token/receipts/?key=01a1ffdd9bce7278a54630166c962838"


def sid(number: int) -> str:
    return f"SM{number:032x}"


def refusal(code: int, status: int = 400) -> Reply:
    """As Twilio says no."""
    return Reply(status, json={"code": code, "message": "…", "more_info": "https://…", "status": status})


def signed(form: dict[str, str], *, what: What = What.RECEIPTS, url: str = URL, token: str = TOKEN) -> Call:
    """A call as Twilio makes it, signed by its own library."""
    headers = {"x-twilio-signature": RequestValidator(token).compute_signature(url, form)}
    query = {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
    return Call(what, "POST", url, headers, query, urlencode(form).encode())


def status(value: str, number: int = 1, **more: str) -> dict[str, str]:
    return {
        "MessageSid": sid(number), "SmsSid": sid(number), "MessageStatus": value, "SmsStatus": value,
        "To": "+66812345678", "From": "SHOP", "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip


class TestSending(HttpContract):
    refusals = [
        (refusal(21211), PermanentFailure, Reason.UNKNOWN_ADDRESS),
        (refusal(21614), PermanentFailure, Reason.UNKNOWN_ADDRESS),
        (refusal(21610), PermanentFailure, Reason.BLOCKED),
        (refusal(21617), PermanentFailure, Reason.REFUSED),
        (refusal(21408), PermanentFailure, Reason.REFUSED),
        (refusal(20003, 401), AccountRefused, Reason.ACCOUNT_REFUSED),
        (refusal(20404, 404), AccountRefused, Reason.ACCOUNT_REFUSED),
        (refusal(21606), AccountRefused, Reason.ACCOUNT_REFUSED),
        (refusal(20429, 429), RateLimited, Reason.RATE_LIMITED),
        (refusal(21611), RateLimited, Reason.RATE_LIMITED),
        (refusal(63038, 429), RateLimited, Reason.RATE_LIMITED),
        (Reply(404, body="<html>not found</html>"), Uncertain, Reason.NO_ANSWER),
    ]

    def elsewhere(self, address: str) -> Provider:
        return TwilioProvider({**CONFIG, "api_url": address})

    def answer(self, taken: Taken) -> Reply:
        return Reply(201, json={"sid": sid(len(self.gateway.taken)), "status": "queued"})

    def key_of(self, taken: Taken) -> str:
        return str(parse_qs(taken.form.get("StatusCallback", "").partition("?")[2]).get("key", [""])[0])

    def text_of(self, taken: Taken) -> str:
        return taken.form["Body"]

    def test_the_request_is_what_the_messages_api_wants(self) -> None:
        parcel = replace(
            self.parcel(), sender="SHOP", receipts_url="https://crm.shop.example/hooks/messages/t/receipts/"
        )
        ((_, outcome),) = self.send(parcel)
        assert outcome == Accepted(sid(1))
        (taken,) = self.gateway.taken
        assert (taken.method, taken.path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
        assert taken.form == {
            "To": "+66812345678", "From": "SHOP", "Body": "Hello", "SmartEncoded": "false",
            "StatusCallback": f"https://crm.shop.example/hooks/messages/t/receipts/?key={parcel.key}",
        }  # fmt: skip
        assert taken.headers["authorization"] == "Basic " + _basic(f"{ACCOUNT}:{TOKEN}")

    def test_a_messaging_service_and_an_api_key_take_the_place_of_sender_and_token(self) -> None:
        service, key = "MG" + "b" * 32, "SK" + "c" * 32
        config = {"messaging_service_sid": service, "api_key": key, "api_secret": "s", "api_url": self.gateway.address}
        list(TwilioProvider({**CONFIG, **config}).send(iter([replace(self.parcel(), sender="SHOP")])))
        (taken,) = self.gateway.taken
        assert taken.form == {
            "To": "+66812345678", "MessagingServiceSid": service, "Body": "Hello", "SmartEncoded": "false",
        }  # fmt: skip
        assert taken.headers["authorization"] == "Basic " + _basic(f"{key}:s")

    def test_a_used_up_day_is_not_a_matter_of_a_second(self) -> None:
        outcome = self.outcome(refusal(63038, 429))
        assert isinstance(outcome, RateLimited)
        assert outcome.retry_after == timedelta(hours=1)


def _basic(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


class TestReceipts(ReceiptsContract):
    def provider(self) -> Provider:
        return TwilioProvider(CONFIG)

    def receipt(self, reference: str = "ref-1", *, delivered: bool = True) -> Call:
        return signed({**status("delivered" if delivered else "sent"), "MessageSid": reference, "SmsSid": reference})

    def forged(self, call: Call) -> Call:
        return replace(call, headers={"x-twilio-signature": RequestValidator("another").compute_signature(URL, {})})

    def unsigned(self, call: Call) -> Call:
        return replace(call, headers={})

    @pytest.mark.parametrize(
        ("form", "news"),
        [
            (status("queued"), News.SENT),
            (status("sent"), News.SENT),
            (status("delivered"), News.DELIVERED),
            (status("undelivered", ErrorCode="30003"), News.UNDELIVERED),
            (status("undelivered", ErrorCode="30004"), News.BLOCKED),
            (status("undelivered", ErrorCode="30005"), News.UNKNOWN_ADDRESS),
            (status("undelivered", ErrorCode="30006"), News.UNKNOWN_ADDRESS),
            (status("undelivered", ErrorCode="30007"), News.UNDELIVERED),
            (status("undelivered", ErrorCode="30008"), News.UNDELIVERED),
            (status("failed", ErrorCode="21610"), News.BLOCKED),
            (status("failed"), News.UNDELIVERED),
        ],
    )
    def test_each_status_is_understood(self, form: dict[str, str], news: News) -> None:
        (receipt,) = self.provider().hear(signed(form), now=AT).receipts
        assert (receipt.news, receipt.reference, receipt.at) == (news, sid(1), AT)
        assert receipt.key == "01a1ffdd9bce7278a54630166c962838"
        assert receipt.detail == form.get("ErrorCode", "")
        assert receipt.raw == form

    def test_a_status_that_twilio_has_invented_since_is_taken_and_moves_nothing(self) -> None:
        assert self.provider().hear(signed(status("teleported")), now=AT).receipts == []

    def test_without_its_fields_it_makes_no_sense(self) -> None:
        with pytest.raises(UnreadableCall):
            self.provider().hear(signed({"AccountSid": ACCOUNT}), now=AT)

    def test_there_is_no_door_for_everything(self) -> None:
        with pytest.raises(NoSuchDoor):
            self.provider().hear(signed(status("sent"), what=What.HOOK), now=AT)


class TestSignatures:
    """`RequestValidator` of Twilio's library is the other side."""

    FORM = {"Body": "สวัสดี & hello+world", "From": "+66812345678", "To": "", "MessageSid": sid(1), "Zz": "1"}

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (URL, URL),
            ("https://crm.shop.example:8443/h/?a=b%20c", "https://crm.shop.example:8443/h/?a=b%20c"),
            ("https://crm.shop.example:8443/h/", "https://crm.shop.example/h/"),
            ("https://crm.shop.example/h/", "https://crm.shop.example:443/h/"),
            ("http://[::1]:8000/h/", "http://[::1]:8000/h/"),
        ],
    )
    def test_the_library_s_own_is_accepted_with_and_without_the_port(self, ours: str, theirs: str) -> None:
        call = replace(signed(self.FORM, what=What.INBOUND, url=theirs), url=ours)
        assert hearing.hear(call, auth_token=TOKEN, now=AT).inbound[0].body == "สวัสดี & hello+world"

    def test_ours_is_accepted_by_the_library(self) -> None:
        form = {name: [value] for name, value in self.FORM.items()}
        assert RequestValidator(TOKEN).validate(URL, self.FORM, hearing.signature(URL, form, TOKEN))

    @pytest.mark.parametrize(
        "broken",
        [
            {"headers": {}},
            {"headers": {"x-twilio-signature": ""}},
            {"headers": {"x-twilio-signature": "ü"}},
            {"url": URL + "&x=1"},
            {"url": "https://crm.shop.example/hooks/messages/other/receipts/"},
            {"body": b"Body=other"},
            {"body": b"\xff"},
            {"body": "&".join(f"a{n}=1" for n in range(501)).encode()},
        ],
    )
    def test_one_thing_changed_is_refused(self, broken: dict[str, Any]) -> None:
        call = replace(signed(self.FORM, what=What.INBOUND), **broken)
        with pytest.raises(BadSignature):
            hearing.hear(call, auth_token=TOKEN, now=AT)

    def test_another_account_s_is_refused(self) -> None:
        with pytest.raises(BadSignature):
            hearing.hear(signed(self.FORM, what=What.INBOUND, token="other"), auth_token=TOKEN, now=AT)


class TestInbound:
    def heard(self, **more: str) -> Any:
        form = {
            "MessageSid": sid(7),
            "From": "+66812345678",
            "To": "+12025550100",
            "Body": "Hi",
            "NumMedia": "0",
            **more,
        }
        (inbound,) = TwilioProvider(CONFIG).hear(signed(form, what=What.INBOUND), now=AT).inbound
        return inbound

    def test_a_text(self) -> None:
        inbound = self.heard()
        assert (inbound.provider, inbound.provider_id, inbound.from_address) == ("twilio", sid(7), "+66812345678")
        assert (inbound.to, inbound.body, inbound.at) == ("+12025550100", "Hi", AT)

    def test_an_opt_out_that_twilio_has_understood_is_one_in_any_words(self) -> None:
        assert self.heard(Body="ARRETER", OptOutType="STOP").body == "STOP"


class TestSettings:
    def test_what_is_right(self) -> None:
        assert TwilioProvider.check(CONFIG) == []

    @pytest.mark.parametrize(
        ("config", "path"),
        [
            ({"account_sid": ACCOUNT}, "auth_token"),
            ({**CONFIG, "account_sid": "SK123"}, "account_sid"),
            ({**CONFIG, "api_key": "SK" + "c" * 32}, "api_secret"),
            ({**CONFIG, "api_url": "ftp://x"}, "api_url"),
            ({**CONFIG, "api_url": "https://u:p@x"}, "api_url"),
            ({**CONFIG, "colour": "red"}, "colour"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_place(self, config: dict[str, Any], path: str) -> None:
        assert [fault.path for fault in TwilioProvider.check(config)] == [path]


# --- With the ledger ------------------------------------------------------------------------------

LATER = NOON + timedelta(minutes=2)


@pytest.fixture
def twilio(db: None, settings: Any) -> Iterator[Gateway]:
    """SMS goes out through a Twilio whose list of messages is `listed`."""

    settings.SITE_URL = "https://crm.shop.example"

    def answer(taken: Taken) -> Reply:
        if taken.method == "GET":
            return Reply(json={"messages": gateway.listed})  # type: ignore[attr-defined]
        return Reply(201, json={"sid": sid(1), "status": "queued"})

    with Gateway(answer=answer) as gateway:
        gateway.listed = []  # type: ignore[attr-defined]
        channel = ChannelSettings.objects.get(channel="sms")
        channel.provider, channel.sender = "twilio", "SHOP"
        channel.config = {**CONFIG, "api_url": gateway.address}
        channel.save()
        yield gateway
    registry._made.cache_clear()


def listed(number: int, body: str = "Hello", at: str = "Mon, 02 Mar 2026 12:00:01 +0000") -> dict[str, Any]:
    """A row of Twilio's list."""
    return {"sid": sid(number), "body": body, "date_created": at, "date_sent": None, "status": "queued"}


def lose_an_answer(gateway: Gateway, **values: Any) -> Message:
    message: Message = MessageFactory(**values)
    gateway.will(Hangup())
    assert send_due(now=NOON, limit=1) == {"unknown": 1}
    return message


def fresh(message: Message) -> Message:
    message.refresh_from_db()
    return message


class TestLostAnswers:
    def test_a_message_on_the_list_was_sent(self, twilio: Any) -> None:
        message = lose_an_answer(twilio)
        twilio.listed = [listed(3, "Another text"), listed(2)]
        assert reconcile(now=LATER) == {"sent": 1}
        assert (fresh(message).state, message.provider_reference) == ("sent", sid(2))
        assert twilio.taken[-1].query == {"To": message.address, "PageSize": "20"}

    def test_one_that_is_not_there_is_sent_again(self, twilio: Any) -> None:
        message = lose_an_answer(twilio)
        twilio.listed = [listed(3, "Another text"), listed(2, at="Mon, 02 Mar 2026 11:50:00 +0000")]
        assert reconcile(now=LATER) == {"queued": 1}
        assert send_due(now=LATER + timedelta(minutes=5), limit=1) == {"sent": 1}
        assert (fresh(message).provider_reference, len(twilio.accepted)) == (sid(1), 3)  # one look at the list

    def test_two_lost_answers_of_one_text_are_two_messages(self, twilio: Any) -> None:
        first = lose_an_answer(twilio)
        second = lose_an_answer(twilio, customer=first.customer, lane=1, topic=topic("promotions"), is_answer=True)
        twilio.listed = [listed(2)]
        assert reconcile(now=LATER) == {"sent": 1, "queued": 1}
        assert (fresh(first).provider_reference, fresh(second).state) == (sid(2), "queued")

    def test_a_message_that_the_ledger_knows_explains_no_other(self, twilio: Any) -> None:
        message = lose_an_answer(twilio)
        MessageFactory(state="sent", provider="twilio", provider_reference=sid(2))
        twilio.listed = [listed(2)]
        assert reconcile(now=LATER) == {"queued": 1}
        assert fresh(message).provider_reference == ""

    @pytest.mark.parametrize("body", ["", "Sent from your Twilio trial account - Hello"])
    def test_a_text_that_the_account_does_not_keep_as_it_was_is_found_all_the_same(
        self, twilio: Any, body: str
    ) -> None:
        lose_an_answer(twilio)
        twilio.listed = [listed(2, body)]
        assert reconcile(now=LATER) == {"sent": 1}

    def test_a_list_that_makes_no_sense_decides_nothing(self, twilio: Any) -> None:
        message = lose_an_answer(twilio)
        for reply in (Reply(500), Reply(json={}), Reply(json={"messages": [{}]}), Reply(401, json={"code": 20003})):
            twilio.will(*[reply] * 3)
            assert reconcile(now=LATER) == {}
        twilio.listed = [listed(2, at="yesterday")]
        assert reconcile(now=LATER) == {}
        assert fresh(message).state == "unknown"

    def test_a_receipt_brings_the_reference_before_anybody_asks(self, twilio: Any, client: Client) -> None:
        message = lose_an_answer(twilio)
        assert call_back(client, "receipts", status("queued"), key=message.key).status_code == 200
        assert (fresh(message).state, message.provider_reference) == ("sent", sid(1))
        assert reconcile(now=LATER) == {}


def call_back(client: Client, door: str, form: dict[str, str], *, key: str = "", **more: Any) -> Any:
    """Call our door as Twilio does, behind a proxy that ends TLS."""
    channel = more.pop("channel", "sms")
    path = f"/hooks/messages/{ChannelSettings.objects.get(channel=channel).hook_token}/{door}/"
    path += f"?key={key}" if key else ""
    token = more.pop("token", TOKEN)
    signature = RequestValidator(token).compute_signature(f"https://crm.shop.example{path}", form)
    return client.post(
        path, urlencode(form), content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature}, **more,
    )  # fmt: skip


@pytest.mark.usefixtures("twilio")
class TestAtTheDoor:
    def test_receipts_twice_and_in_the_wrong_order_leave_the_furthest_state(self, client: Client) -> None:
        message = MessageFactory(state="sent", provider="twilio", provider_reference=sid(1), wire_at=NOON)
        for value in ("delivered", "delivered", "sent", "queued", "delivered"):
            assert call_back(client, "receipts", status(value), key=message.key).status_code == 200
        assert fresh(message).state == "delivered"
        assert list(message.receipts.order_by("pk").values_list("news", flat=True)) == ["delivered", "sent", "sent"]

    def test_a_receipt_may_come_before_the_answer_to_our_own_call(
        self, client: Client, twilio: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        message = MessageFactory()
        real = TwilioProvider.send

        def send(self: Any, parcels: Any) -> Any:
            for parcel, outcome in real(self, parcels):
                call_back(client, "receipts", status("delivered"), key=parcel.key)
                yield parcel, outcome

        monkeypatch.setattr(TwilioProvider, "send", send)
        send_due(now=NOON, limit=1)
        assert (fresh(message).state, message.provider_reference) == ("delivered", sid(1))

    def test_a_receipt_for_a_message_of_nobody_is_kept(self, client: Client) -> None:
        assert call_back(client, "receipts", status("delivered")).status_code == 200
        assert (Receipt.objects.get().message, Receipt.objects.get().reference) == (None, sid(1))

    def test_a_number_that_does_not_exist_gets_nothing_more(self, client: Client) -> None:
        message = MessageFactory(state="sent", provider="twilio", provider_reference=sid(1), wire_at=NOON)
        call_back(client, "receipts", status("undelivered", ErrorCode="30005"))
        assert (fresh(message).state, message.reason, message.detail) == ("failed", "unknown_address", "30005")
        assert Suppression.objects.get().cause == "unknown_address"

    def test_a_text_is_filed_and_answered_with_nothing_in_twiml(self, client: Client) -> None:
        form = {"MessageSid": sid(7), "From": "+66812345678", "To": "+12025550100", "Body": "Where is it?"}
        answers = [call_back(client, "inbound", form) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {200}
        assert (answers[0].content, answers[0]["Content-Type"]) == (
            b'<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml",
        )  # fmt: skip
        assert InboundMessage.objects.get().body == "Where is it?"

    def test_a_wrong_signature_is_refused_and_counted(self, client: Client) -> None:
        answer = call_back(client, "receipts", status("delivered"), token="another", REMOTE_ADDR="203.0.113.9")
        assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
        assert not ProviderCall.objects.exists()
        assert list(RefusedCalls.objects.values_list("channel", "code", "count", "last_from")) == [
            ("sms", "bad_signature", 1, "203.0.113.9")
        ]

    def test_one_account_s_signature_opens_no_other_account_s_door(self, client: Client) -> None:
        other = ChannelSettings.objects.get(channel="email")
        other.provider, other.config = "twilio", {**CONFIG, "auth_token": "account-b"}
        other.save()
        assert call_back(client, "receipts", status("sent"), channel="email", token=TOKEN).status_code == 403
        assert call_back(client, "receipts", status("sent"), channel="email", token="account-b").status_code == 200
