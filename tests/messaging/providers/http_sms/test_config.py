import json
import re
from typing import Any

import pytest
from django.conf import settings

from messaging.channels.base import ConfigFault
from messaging.providers.http_sms.provider import HttpSmsProvider

RECEIPTS = {"secret": "long enough", "reference": "id", "status": "s", "states": {"ok": "delivered"}}


def faults(**config: Any) -> list[ConfigFault]:
    return HttpSmsProvider.check({"url": "https://gateway.example/send", **config})


KNOWN = (
    "there are message.id, message.key, message.to, message.address, message.to_digits, message.to_local, "
    "message.body, message.sender, message.segments, message.encoding, message.is_unicode, message.receipts_url"
)


def deep(levels: int) -> Any:
    return "x" if levels == 0 else [deep(levels - 1)]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"url": "http://127.0.0.1:8080"},
        {"url": "http://[::1]:8080/send?a=b"},
        {"url": "https://gateway.example/{{message.to}}/{% if message.is_unicode %}u{% endif %}"},
        {"json": ["{{ message.to }}", 1, None, {"a": {"b": True}}]},
        {"json": deep(9)},
        {"form": {}},
        {"receipts": RECEIPTS, "inbound": {"secret": "long enough", "from": "a", "text": "b"}},
        {"receipts": {**RECEIPTS, "secret": None, "hmac": {"header": "X-Signature", "secret": "s"}}},
        {"repeat": "key", "headers": {"Idempotency-Key": "{{ message.key }}"}},
    ],
)
def test_what_is_well_has_no_faults(config: dict[str, Any]) -> None:
    assert faults(**config) == []


@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({"url": ""}, "url", "is empty"),
        ({"url": 7}, "url", "is not a text"),
        ({"url": "ftp://gateway.example"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "gateway.example"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "https://"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "https://a.example/#x"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "https://a.example/a\nb"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "https://{{ message.to }}/"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "https://me:pw@a.example/"}, "url", "is not an address such as https://gateway.example/send"),
        ({"url": "https://a.example:99999/"}, "url", "has no host that could be called"),
        ({"url": "https://a.example/{{ message.sendr }}"}, "url", f"unknown variable: message.sendr; {KNOWN}"),
        (
            {"url": "https://a.example/{{ message.body | url_encode }}"},
            "url",
            "needs no url_encode: what variables bring into an address is encoded anyhow",
        ),
        ({"method": "DELETE"}, "method", "is none of 'POST', 'GET' or 'PUT'"),
        ({"pigeon": 1}, "pigeon", "is not known"),
        ({"headers": {"A b": "x"}}, "headers.A b", "is no name of a header"),
        ({"headers": {"Content-Length": "1"}}, "headers.Content-Length", "is set by the connection itself"),
        ({"headers": {"A": "x\r\nB: y"}}, "headers.A", "holds a line break or control character"),
        ({"headers": {"A": "{{ customer.name }}"}}, "headers.A", f"unknown variable: customer.name; {KNOWN}"),
        ({"headers": {"A": 1}}, "headers.A", "is not a text"),
        ({"headers": []}, "headers", "is not an object"),
        ({"auth": {}}, "auth", "needs either basic or bearer"),
        ({"auth": {"basic": {"username": "a"}, "bearer": "b"}}, "auth", "needs either basic or bearer"),
        ({"auth": {"basic": {}}}, "auth.basic.username", "is missing"),
        ({"auth": {"bearer": "a\nb"}}, "auth.bearer", "holds a line break or control character"),
        ({"json": {"a": [1, "{{ message.to"]}}, "json.a[1]", "{{ is not closed by }}"),
        ({"json": {"a": "{% include 'x' %}"}}, "json.a", "unexpected tag 'include'"),
        ({"json": "x\n{{ message.to | shout }}"}, "json", "line 2: unknown filter 'shout'"),
        ({"json": deep(10)}, "json", "is nested more than 10 levels deep"),
        ({"form": {"a": "{{ message }}"}}, "form.a", f"unknown variable: message; {KNOWN}"),
        ({"query": {"a": "{{ message[message.to] }}"}}, "query.a", f"unknown variable: message.…; {KNOWN}"),
        ({"json": {}, "form": {}}, "", "takes json or form, not both"),
        ({"method": "GET", "form": {}}, "", "GET has no body: use query instead of json or form"),
        (
            {"auth": {"bearer": "a"}, "headers": {"authorization": "b"}},
            "",
            "takes auth or an Authorization header, not both",
        ),
        ({"success": {"status": []}}, "success.status", "is empty"),
        ({"success": {"status": [99]}}, "success.status[0]", "is less than 100"),
        ({"success": {"status": ["200"]}}, "success.status[0]", "is not a whole number"),
        ({"success": {"reference": "a..b"}}, "success.reference", "is not a path such as data.id or list[0].id"),
        ({"success": {"where": {"a": {}}}}, "success.where.a[0]", "is no text, number, true or false"),
        ({"refusals": [{"means": "refused"}]}, "refusals[0]", "needs a status, a path, or both"),
        ({"refusals": [{"status": 400, "in": ["a"], "means": "refused"}]}, "refusals[0]", "in needs a path"),
        ({"refusals": [{"status": 400}]}, "refusals[0].means", "is missing"),
        ({"repeat": "always"}, "repeat", "is none of 'never' or 'key'"),
        (
            {"repeat": "key"},
            "repeat",
            "the request says {{ message.key }} nowhere, so the gateway cannot know a repeat",
        ),
        ({"key_life": "a day"}, "key_life", "not an ISO 8601 duration"),
        ({"key_life": "PT0S"}, "key_life", "is no time at all"),
        ({"in_flight": 0}, "in_flight", "is less than 1"),
        ({"timeout": 60}, "timeout", "is more than 15"),
        (
            {"look_up": {"url": "https://a.example/", "reference": "id"}},
            "look_up.url",
            "names {{ message.key }} and no other variable",
        ),
        ({"look_up": {"url": "https://a.example/{{ message.key }}"}}, "look_up.reference", "is missing"),
        (
            {"receipts": {**RECEIPTS, "secret": None}},
            "receipts",
            "needs either secret or hmac: anybody could call an open door",
        ),
        ({"receipts": {**RECEIPTS, "reference": None}}, "receipts", "needs reference or key: whose receipt is it?"),
        ({"receipts": {**RECEIPTS, "secret": "short"}}, "receipts.secret", "is shorter than 8 characters"),
        (
            {"receipts": {**RECEIPTS, "secret_in": "cookie:a"}},
            "receipts.secret_in",
            "is not of the form header:X-Token or query:token",
        ),
        ({"receipts": {**RECEIPTS, "states": {}}}, "receipts.states", "is empty"),
        ({"inbound": {"secret": "long enough", "from": "a"}}, "inbound.text", "is missing"),
    ],
)
def test_each_fault_names_its_path(config: dict[str, Any], path: str, message: str) -> None:
    assert faults(**config) == [ConfigFault(path, message)]


def test_every_fault_is_reported_at_once() -> None:
    found = faults(form={"a": "{{", "b": "{{ x }}"}, query={"c": "{{ y }}"})
    assert [fault.path for fault in found] == ["form.a", "form.b", "query.c"]


def test_no_fault_repeats_a_secret() -> None:
    secret = "sk-do-not-show-me"
    found = faults(
        auth={"bearer": f"{secret}\n"},
        headers={"A": f"{secret}\n"},
        receipts={**RECEIPTS, "secret": [secret], "hmac": {"header": "X", "secret": f"{secret}\n"}},
    )
    assert len(found) >= 3
    assert secret not in str(found)


def test_a_state_means_one_of_the_news_there_are() -> None:
    (fault,) = faults(receipts={**RECEIPTS, "states": {"ok": "arrived"}})
    assert fault.path == "receipts.states.ok"
    assert fault.message.startswith("is none of 'sent', 'delivered', 'undelivered', 'blocked', 'unknown_address'")


def test_the_example_of_the_documentation_has_no_faults() -> None:
    page = (settings.BASE_DIR / "docs" / "messaging.md").read_text()
    section = page.split("## Connecting an SMS gateway")[1]
    example = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert example
    assert HttpSmsProvider.check(json.loads(example[1])) == []


def test_the_names_that_our_api_has_for_them_do_too() -> None:
    named = "{{ message.id }}"
    assert faults(json={"to": "{{ message.address }}", "id": named}, repeat="key") == []
    assert faults(look_up={"url": f"https://a.example/{named}", "reference": "$.id"}) == []
