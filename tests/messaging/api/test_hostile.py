"""Odd values to every call about broadcasts, messages and templates: a clear answer, never an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache

from messaging.models import Broadcast
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import make_broadcast, make_people, make_template

pytestmark = pytest.mark.django_db

DRAFT = {"name": "Spring", "topic": "after_sales", "channel": "sms", "variants": [{"body": "Hello"}]}
ODD: tuple[Any, ...] = (
    None, True, -1, 10**30, 1.5, "", " ", "\x00", "a\x00b", "\ud800", "x" * 30_000, [], [[]], ["\x00"], [None], {},
    {"a": 1}, {"\x00": "\ud800"}, "9999-12-31", "0001-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00",
    "24:00", "23:59:60",
)  # fmt: skip
FIELDS = (
    "name", "rule", "is_live", "topic", "channel", "fallback", "timing", "starts_at", "local_date", "local_time",
    "per_minute", "expires_after", "test_share", "winner_by", "winner_goal", "winner_after", "variants",
)  # fmt: skip


@pytest.fixture
def api() -> Program:
    cache.clear()
    return Program()


@pytest.mark.parametrize("field", FIELDS)
def test_a_draft_with_an_odd_value_is_kept_or_refused_and_can_be_looked_over(api: Program, field: str) -> None:
    make_people(1)
    for value in ODD:
        cache.clear()
        answer = api.post("broadcasts/", {**DRAFT, field: value})
        assert answer.status_code in (201, 400, 422), (field, value, answer.content)
        if answer.status_code == 201:
            path = f"broadcasts/{answer.json()['id']}/"
            for timing in ("now", "at", "local"):
                assert api.patch(path, {"timing": timing}).status_code == 200
                assert api.post(f"{path}estimate/", {}).status_code == 200, (field, value, timing)
                assert api.post(f"{path}send/", {}).status_code in (202, 400, 409), (field, value, timing)
                api.post(f"{path}recall/", {})


@pytest.mark.parametrize("part", ["weight", "template", "subject", "body"])
def test_so_is_one_whose_text_is_odd(api: Program, part: str) -> None:
    for value in ODD:
        cache.clear()
        answer = api.post("broadcasts/", {**DRAFT, "variants": [{"body": "Hello", part: value}]})
        assert answer.status_code in (201, 400, 422), (part, value, answer.content)


@pytest.mark.parametrize("op", ["eq", "in", "contains"])
def test_a_rule_that_names_what_no_database_keeps_is_refused(api: Program, op: str) -> None:
    for text in ("\x00", "a\x00b", "\ud800"):
        value = [text] if op == "in" else text
        rule = {"field": {"name": "language", "op": op, "value": value}}
        answer = api.post("broadcasts/", {**DRAFT, "rule": rule})
        assert answer.status_code in (400, 422), (op, text, answer.content)
    assert not Broadcast.objects.exists()


def test_a_day_no_calendar_of_ours_has_is_refused(api: Program) -> None:
    for name, value in (
        ("local_date", "9999-12-31"),
        ("local_date", "0001-01-01"),
        ("starts_at", "9999-12-31T23:59:59Z"),
    ):
        answer = api.post("broadcasts/", {**DRAFT, name: value})
        assert faults(answer) == [(f"/{name}", "out_of_range")]


@pytest.mark.parametrize(
    "query", ["search=%00", "state=%00", "limit=-1", "cursor=%00", "search=%ED%A0%80", "limit=" + "9" * 50]
)
def test_odd_questions_to_the_lists_are_answered(api: Program, query: str) -> None:
    make_broadcast()
    for path in ("broadcasts/", "messages/", "templates/"):
        assert api.get(f"{path}?{query}").status_code in (200, 400, 422), (path, query)


@pytest.mark.parametrize("field", ["customer", "channel", "topic", "template", "subject", "body", "dedupe_key"])
def test_a_message_with_an_odd_value_is_queued_or_refused(api: Program, field: str) -> None:
    customer = CustomerFactory()
    make_template("sale", en="Sale")
    said = {"customer": str(customer.public_id), "channel": "sms", "topic": "order_updates", "body": "Hello"}
    for value in ODD:
        cache.clear()
        answer = api.post("messages/", {"messages": [{**said, field: value}]})
        assert answer.status_code in (202, 400, 422), (field, value, answer.content)


@pytest.mark.parametrize("field", ["slug", "channel", "name", "variants"])
def test_a_template_with_an_odd_value_is_kept_or_refused(api: Program, field: str) -> None:
    template = {"slug": "sale", "channel": "sms", "name": "Sale", "variants": {"en": {"body": "Sale"}}}
    odd = (
        *ODD,
        {"": {"body": "x"}},
        {"x" * 99: {"body": "x"}},
        {"en": None},
        {"en": {"body": None}},
        {"\x00": {"body": "x"}},
    )
    for value in odd:
        cache.clear()
        answer = api.post("templates/", {**template, field: value})
        assert answer.status_code in (201, 400, 409, 422), (field, value, answer.content)


@pytest.mark.parametrize("call", ["estimate", "send", "approve", "recall", "pause", "resume", "cancel", "winner"])
def test_a_call_with_an_odd_body_is_refused(api: Program, call: str) -> None:
    broadcast = make_broadcast()
    for body in ("[]", "null", '"x"', "{", '{"x": 1}', json.dumps({"winner": "\x00"}), '{"winner": [[]]}', ""):
        cache.clear()
        answer = api.call("POST", f"broadcasts/{broadcast.public_id}/{call}/", body.encode())
        assert 200 <= answer.status_code < 500, (call, body, answer.content)
    assert api.post(f"broadcasts/not-an-id/{call}/", {}).status_code == 404
