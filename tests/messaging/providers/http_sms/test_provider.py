"""The gateway by configuration, against a real server."""

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from messaging.channels.base import (
    Accepted,
    AccountRefused,
    Outcome,
    Parcel,
    PermanentFailure,
    Provider,
    RateLimited,
    Repeat,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.calls import Call, What
from messaging.channels.reasons import Reason
from messaging.providers.http_sms.provider import HttpSmsProvider
from tests.messaging.providers.contract import AT
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Silence, Taken
from tests.messaging.providers.http_contract import HttpContract, ReceiptsContract

KEY = "01a1ffdd9bce7278a54630166c962838"
SECRET = "a-shared-secret"


def parcel(body: str = "Hello", **changes: Any) -> Parcel:
    return replace(Parcel(key=KEY, to="+66812345678", body=body, at=AT, channel="sms", sender="BAANCHA"), **changes)


class TestAnIdempotentJsonGateway(HttpContract, ReceiptsContract):
    refusals = [
        (Reply(400, json={"code": "E1"}), PermanentFailure, Reason.REFUSED),
        (Reply(422, json={"error": {"code": 21211}}), PermanentFailure, Reason.UNKNOWN_ADDRESS),
        (Reply(400, json={"error": {"code": "BLOCKED_MKT"}}), PermanentFailure, Reason.BLOCKED),
        (Reply(200, json={"error": {"code": "BUSY"}}, accepts=False), TemporaryFailure, Reason.TEMPORARY),
        (Reply(200, json={"error": {"code": "FAST"}}, accepts=False), RateLimited, Reason.RATE_LIMITED),
        (Reply(400, json={"error": {"code": "NO_CREDIT"}}), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(402, body="no credit"), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(404, body="no such page"), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(408, body="too slow"), TemporaryFailure, Reason.TEMPORARY),
    ]

    def elsewhere(self, address: str) -> Provider:
        return HttpSmsProvider(
            {
                "url": f"{address}/send",
                "json": {"key": "{{ message.key }}", "to": "{{ message.to }}", "text": "{{ message.body }}"},
                "success": {"reference": "id"},
                "repeat": "key",
                "refusals": [
                    {"path": "error.code", "in": [21211], "means": "unknown_address"},
                    {"status": 400, "path": "error.code", "in": ["BLOCKED_MKT"], "means": "blocked"},
                    {"path": "error.code", "in": ["BUSY"], "means": "temporary"},
                    {"path": "error.code", "in": ["FAST"], "means": "rate_limited"},
                    {"path": "error.code", "in": ["NO_CREDIT"], "means": "account"},
                ],
                "receipts": {
                    "secret": SECRET,
                    "secret_in": "header:X-Token",
                    "reference": "id",
                    "status": "state",
                    "states": {"DELIVRD": "delivered", "UNDELIV": "undelivered"},
                },
            }
        )

    def answer(self, taken: Taken) -> Reply:
        return Reply(json={"id": f"ref-{taken.json['key']}"})

    def key_of(self, taken: Taken) -> str:
        return str(taken.json["key"])

    def text_of(self, taken: Taken) -> str:
        return str(taken.json["text"])

    def receipt(self, reference: str = "ref-1", *, delivered: bool = True) -> Call:
        state = "DELIVRD" if delivered else "UNDELIV"
        body = f'{{"id": "{reference}", "state": "{state}"}}'.encode()
        return Call(What.RECEIPTS, "POST", "https://shop.example/x", {"x-token": SECRET}, {}, body)

    def forged(self, call: Call) -> Call:
        return replace(call, headers={"x-token": SECRET[:-1] + "X"})

    def unsigned(self, call: Call) -> Call:
        return replace(call, headers={})


# --- The request ----------------------------------------------------------------------------------


def sent(config: dict[str, Any], message: Parcel | None = None, reply: Reply | None = None) -> tuple[Taken, Outcome]:
    """The request that the gateway got, and what came of it."""
    with Gateway(answer=lambda taken: reply or Reply(json={"id": "ref-1"})) as gateway:
        found = HttpSmsProvider({**config, "url": gateway.address + config.get("url", "/send")})
        ((_, outcome),) = found.send(iter([message or parcel()]))
    return gateway.taken[0], outcome


def test_the_shape_that_the_storefront_contract_promises_works_as_it_stands() -> None:
    taken, outcome = sent(
        {
            "method": "POST",
            "headers": {"X-Api-Key": "k-1", "X-Message": "{{ message.key }}"},
            "form": {"msisdn": "{{ message.to_digits }}", "text": "{{ message.body }}", "from": "{{ message.sender }}"},
            "success": {"status": [200], "reference": "id"},
        },
        parcel("สวัสดี & ลด 50%"),
    )
    assert outcome == Accepted("ref-1")
    assert taken.method == "POST"
    assert taken.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (taken.headers["x-api-key"], taken.headers["x-message"]) == ("k-1", KEY)
    assert taken.form == {"msisdn": "66812345678", "text": "สวัสดี & ลด 50%", "from": "BAANCHA"}


def test_a_message_has_the_id_that_the_api_gives_it() -> None:
    taken, _outcome = sent({"json": {"id": "{{ message.id }}", "key": "{{ message.key }}"}})
    assert taken.json == {"id": str(UUID(KEY)), "key": KEY}


def test_it_is_looked_up_by_the_id_that_the_api_gives_it() -> None:
    with Gateway(answer=lambda taken: Reply(json={"id": taken.path})) as gateway:
        look_up = {"url": f"{gateway.address}/{{{{ message.id }}}}", "reference": "id"}
        found = HttpSmsProvider({"url": gateway.address, "look_up": look_up}).look_up([KEY])
    assert found == {KEY: f"/{UUID(KEY)}"}


def test_a_get_carries_everything_in_its_address_and_nothing_escapes_its_place() -> None:
    taken, outcome = sent(
        {
            "url": "/send/{{ message.key }}?to={{ message.to }}&text={{ message.body }}",
            "method": "GET",
            "query": {"from": "{{ message.sender }}"},
        },
        parcel("50% off? a/b & c=d #1 +1"),
    )
    assert outcome == Accepted(KEY)  # the gateway has no id of its own to give
    assert (taken.method, taken.path, taken.body) == ("GET", f"/send/{KEY}", b"")
    assert taken.query == {"to": "+66812345678", "text": "50% off? a/b & c=d #1 +1", "from": "BAANCHA"}


def test_json_keeps_its_shape_and_only_texts_are_filled_in() -> None:
    taken, _ = sent(
        {
            "method": "PUT",
            "json": {
                "messages": [{"to": ["{{ message.to_local }}"], "parts": "{{ message.segments }}"}],
                "unicode": "{% if message.is_unicode %}1{% else %}0{% endif %}",
                "coding": "{{ message.encoding }}",
                "flash": False,
                "priority": 3,
                "campaign": None,
            },
        },
        parcel("สวัสดี"),
    )
    assert taken.method == "PUT"
    assert taken.headers["content-type"] == "application/json"
    assert taken.json == {
        "messages": [{"to": ["0812345678"], "parts": "1"}],
        "unicode": "1",
        "coding": "UCS-2",
        "flash": False,
        "priority": 3,
        "campaign": None,
    }


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"basic": {"username": "ชื่อ", "password": "p:w"}}, "Basic " + b64encode("ชื่อ:p:w".encode()).decode()),
        ({"basic": {"username": "key"}}, "Basic " + b64encode(b"key:").decode()),
        ({"bearer": "t0ken"}, "Bearer t0ken"),
    ],
)
def test_we_show_who_we_are(auth: dict[str, Any], header: str) -> None:
    taken, _ = sent({"auth": auth, "form": {"to": "{{ message.to }}"}})
    assert taken.headers["authorization"] == header


def test_the_address_for_receipts_comes_with_the_secret_that_the_gateway_shows_in_it() -> None:
    door = {"key": "id", "status": "s", "states": {"ok": "delivered"}, "secret": "s3cret & more"}
    form = {"dlr": "{{ message.receipts_url }}"}
    there = parcel(receipts_url="https://shop.example/hooks/messages/x/receipts/")
    taken, _ = sent({"form": form, "receipts": door}, there)
    assert taken.form["dlr"] == "https://shop.example/hooks/messages/x/receipts/?token=s3cret+%26+more"
    taken, _ = sent({"form": form, "receipts": {**door, "secret_in": "header:X-Token"}}, there)
    assert taken.form["dlr"] == "https://shop.example/hooks/messages/x/receipts/"


def test_a_message_cannot_add_a_header_and_nothing_leaves() -> None:
    with Gateway(answer=lambda taken: Reply(json={})) as gateway:
        found = HttpSmsProvider({"url": gateway.address, "headers": {"X-Text": "{{ message.body }}"}})
        ((_, outcome),) = found.send(iter([parcel("a\r\nX-Admin: 1")]))
    assert type(outcome) is PermanentFailure
    assert outcome.detail == "headers.X-Text: a line break or control character"
    assert gateway.taken == []


def test_data_that_do_not_go_with_the_texts_fail_the_message_before_it_leaves() -> None:
    with Gateway(answer=lambda taken: Reply(json={})) as gateway:
        found = HttpSmsProvider({"url": gateway.address, "form": {"to": "{{ message.body | divided_by: 0 }}"}})
        ((_, outcome),) = found.send(iter([parcel("7")]))
    assert type(outcome) is PermanentFailure
    assert gateway.taken == []


# --- The answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("success", "said", "outcome"),
    [
        ({"reference": "data.id"}, {"data": {"id": 17}}, Accepted("17")),
        ({"reference": "list[0].id"}, {"list": [{"id": "a"}]}, Accepted("a")),
        ({"reference": "list.0.id"}, {"list": [{"id": "a"}]}, Accepted("a")),
        ({"reference": "$.list[0].id"}, {"list": [{"id": "a"}]}, Accepted("a")),
        ({"reference": "[0].id"}, [{"id": "a"}], Accepted("a")),
        ({"reference": "$[0].id"}, [{"id": "a"}], Accepted("a")),
        ({"reference": "$"}, {"$": "a"}, Accepted("a")),
        ({"where": {"status": "success"}}, {"status": "success"}, Accepted(KEY)),
        ({"where": {"code": [0, "1000"]}}, {"code": 1000}, Accepted(KEY)),
        ({"where": {"ok": True}, "reference": "id"}, {"ok": True, "id": "a"}, Accepted("a")),
    ],
)
def test_the_reference_is_found_where_the_settings_say(
    success: dict[str, Any], said: dict[str, Any], outcome: Outcome
) -> None:
    assert sent({"success": success}, reply=Reply(json=said))[1] == outcome


@pytest.mark.parametrize(
    ("success", "reply", "kind"),
    [
        ({"where": {"status": "success"}}, Reply(json={"status": "failed"}), PermanentFailure),  # it says no
        ({"where": {"status": "success"}}, Reply(json={"result": 1}), Uncertain),  # it says nothing
        ({"where": {"status": "success"}}, Reply(body="OK"), Uncertain),
        ({"reference": "id"}, Reply(json={"id": ""}), Uncertain),
        ({"reference": "id"}, Reply(json={"id": True}), Uncertain),
        ({"reference": "id"}, Reply(json={"id": "x" * 201}), Uncertain),
        ({"status": [200]}, Reply(202, json={}), Uncertain),
        ({"status": [202]}, Reply(409, body="taken"), PermanentFailure),
    ],
)
def test_what_is_no_success_is_told_apart(success: dict[str, Any], reply: Reply, kind: type[Outcome]) -> None:
    assert type(sent({"success": success}, reply=reply)[1]) is kind


def test_a_refusal_without_values_is_any_value_at_its_path() -> None:
    config = {
        "success": {"reference": "done[0].id"},
        "refusals": [{"path": "bad[0].number", "means": "unknown_address"}],
    }
    _, outcome = sent(config, reply=Reply(json={"done": [], "bad": [{"number": "0812345678"}]}))
    assert isinstance(outcome, PermanentFailure)
    assert outcome.reason == Reason.UNKNOWN_ADDRESS
    assert sent(config, reply=Reply(json={"done": [{"id": "a"}], "bad": []}))[1] == Accepted("a")


def test_an_answer_in_many_pieces_is_read_to_its_end() -> None:
    said = {"padding": "x" * 90_000, "id": "ref-1"}
    assert sent({"success": {"reference": "id"}}, reply=Reply(json=said))[1] == Accepted("ref-1")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_connection_that_breaks_is_not_tried_again_whatever_the_method(method: str) -> None:
    with Gateway(answer=lambda taken: Reply(json={})) as gateway:
        gateway.will(Reply(json={}), Hangup())
        found = HttpSmsProvider({"url": gateway.address, "method": method})
        outcomes = [outcome for number in "ab" for _, outcome in found.send(iter([parcel(key=number)]))]
    assert [type(outcome) for outcome in outcomes] == [Accepted, Uncertain]
    assert len(gateway.taken) == 2


# --- Looking up -----------------------------------------------------------------------------------


def looks_up(address: str) -> HttpSmsProvider:
    return HttpSmsProvider(
        {
            "url": f"{address}/send",
            "auth": {"bearer": "t0ken"},
            "headers": {"X-Shop": "1", "X-Key": "{{ message.key }}"},
            "form": {"key": "{{ message.key }}"},
            "look_up": {"url": f"{address}/sent/{{{{ message.id }}}}", "reference": "$.items[0].id"},
        }
    )


def known(taken: Taken) -> Reply:
    key = taken.path.rpartition("/")[2]
    if key == "gone":
        return Reply(404, body="no")
    return Reply(json={"items": [{"id": f"ref-{key}"}] if key.startswith("has") else []})


def test_it_is_asked_for_keys_and_says_which_it_has() -> None:
    with Gateway(answer=known) as gateway:
        found = looks_up(gateway.address)
        assert found.traits.repeat == Repeat.LOOKUP
        assert found.look_up(["has-1", "has-2", "empty", "gone"]) == {"has-1": "ref-has-1", "has-2": "ref-has-2"}
    asked = next(taken for taken in gateway.taken if taken.path == "/sent/has-1")
    assert (asked.method, asked.headers["authorization"], asked.headers["x-shop"]) == ("GET", "Bearer t0ken", "1")
    assert "x-key" not in asked.headers


def test_a_question_that_fails_is_put_again() -> None:
    with Gateway(answer=known) as gateway:
        gateway.will(Reply(500, body="oops"), Hangup())
        assert looks_up(gateway.address).look_up(["has-1"]) == {"has-1": "ref-has-1"}
    assert len(gateway.taken) == 3


@pytest.mark.parametrize("step", [Reply(500, body="oops"), Reply(200, body="<html>"), Hangup()])
def test_no_answer_is_not_a_no(step: Reply | Silence | Hangup) -> None:
    with Gateway(answer=known) as gateway:
        gateway.will(step, step, step)
        with pytest.raises(Uncertain):
            looks_up(gateway.address).look_up(["has-1"])


# --- How it wants to be used ----------------------------------------------------------------------


def test_its_traits_follow_its_settings() -> None:
    plain = HttpSmsProvider({"url": "https://gateway.example/"}).traits
    assert (plain.repeat, plain.in_flight, plain.batch) == (Repeat.NEVER, 200, 500)
    assert (plain.channels, plain.timeout) == (frozenset({"sms"}), timedelta(seconds=10))
    careful = HttpSmsProvider(
        {
            "url": "https://gateway.example/{{ message.key }}",
            "repeat": "key",
            "key_life": "PT1H",
            "in_flight": 2,
            "timeout": 5,
        }
    ).traits
    assert (careful.repeat, careful.key_life) == (Repeat.KEY, timedelta(hours=1))
    assert (careful.in_flight, careful.batch, careful.timeout) == (2, 10, timedelta(seconds=5))
