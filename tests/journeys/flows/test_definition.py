from __future__ import annotations

from typing import Any

import pytest

from journeys.flows.definition import Definition, InvalidDefinition, parse_definition

REVIEW_REQUEST: dict[str, Any] = {
    "trigger": {"event": "Order Delivered", "where": []},
    "audience": {"all": []},
    "reentry": {"policy": "cooldown", "cooldown": "P30D", "key": "properties.order_id"},
    "exits": [{"event": "Order Refunded"}, {"rule": {"ticket": {"open": True}}}],
    "goal": {"event": "Product Reviewed", "within": "P30D"},
    "holdout": 10,
    "steps": [
        {
            "id": "settle", "type": "wait", "for": "P7D",
            "window": {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "19:00"},
        },
        {
            "id": "ask", "type": "send", "channel": "sms", "fallback": ["email"], "template": "review-request",
            "topic": "after_sales", "expires_after": "PT24H",
        },
        {
            "id": "answer", "type": "wait_event", "event": "Product Reviewed", "timeout": "P5D",
            "then": [
                {"id": "thank", "type": "send", "channel": "sms", "template": "review-thanks", "topic": "after_sales"}
            ],
            "else": [
                {"id": "remind", "type": "send", "channel": "email", "template": "reminder", "topic": "after_sales"}
            ],
        },
    ],
}  # fmt: skip
EVERY_KIND: dict[str, Any] = {
    "trigger": {"stage": {"journey": "five-stage", "stage": "purchase"}},
    "steps": [
        {"id": "born", "type": "wait", "until": {"attribute": "birthday", "offset": "-P3D"}, "missing": [], "past": []},
        {"id": "used", "type": "wait", "until": {"product": "time_of_use", "offset": "P1D"}, "missing": []},
        {"id": "note", "type": "set", "attributes": {"greeted": True, "old": None, "score": 1.5}},
        {"id": "mark", "type": "tag", "add": ["vip"], "remove": ["new"]},
        {"id": "call", "type": "task", "title": "Call them", "assign": "owner", "due": "P1D"},
        {
            "id": "which", "type": "branch",
            "paths": [{"name": "big", "if": {"tag": "vip"}, "steps": []}],
            "else": [{"id": "stop", "type": "exit", "reason": "small"}],
        },
        {
            "id": "mail", "type": "send", "channel": "email", "topic": "promotions", "subject": "Hi", "body": "Hello",
            "over_cap": "hold", "if_unreachable": "exit",
        },
    ],
}  # fmt: skip


def faults(**changes: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidDefinition) as raised:
        parse_definition({"trigger": {"event": "X"}, "steps": [{"id": "a", "type": "exit", "reason": "r"}], **changes})
    return [(fault.path, fault.step, fault.message) for fault in raised.value.faults]


@pytest.mark.parametrize("data", [REVIEW_REQUEST, EVERY_KIND], ids=["review request", "every kind"])
def test_a_definition_is_given_back_key_for_key(data: dict[str, Any]) -> None:
    assert parse_definition(data).as_json() == data


def test_the_json_schema_names_every_kind_of_step() -> None:
    kinds = {"Wait", "WaitEvent", "Branch", "Send", "Set", "Tag", "Task", "Exit"}
    assert kinds <= set(Definition.model_json_schema()["$defs"])


def test_what_is_not_an_object_is_no_definition() -> None:
    with pytest.raises(InvalidDefinition, match="not an object"):
        parse_definition([])


def test_unknown_keys_are_refused_where_they_stand() -> None:
    inner = {"id": "b", "type": "exit", "reason": "r", "color": "red"}
    step = {"id": "w", "type": "wait_event", "event": "X", "timeout": "P1D", "then": [inner]}
    assert faults(steps=[step], extra=1) == [
        ("steps[0].then[0].color", "b", "unknown key"),
        ("extra", "", "unknown key"),
    ]


def test_python_names_of_keys_are_unknown_keys() -> None:
    assert ("steps[0].for_", "a", "unknown key") in faults(steps=[{"id": "a", "type": "wait", "for_": "P1D"}])


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"type": "wait"}, "steps[0]", "needs either for or until"),
        ({"type": "wait", "for": "3 days"}, "steps[0].for", "not an ISO 8601 duration"),
        ({"type": "wait", "for": "P1D", "missing": []}, "steps[0]", "missing and past belong to until"),
        ({"type": "wait", "until": {}}, "steps[0].until", "needs either attribute or product"),
        (
            {"type": "wait", "until": {"attribute": "birthday", "product": "time_of_use"}},
            "steps[0].until",
            "needs either attribute or product",
        ),
        (
            {"type": "wait", "until": {"product": "warranty"}},
            "steps[0].until.product",
            "input should be 'time_of_use' or 'repurchase_after'",
        ),
        (
            {"type": "wait", "until": {"product": "time_of_use", "sku": "A"}},
            "steps[0].until.sku",
            "unknown key",
        ),
        (
            {"type": "wait", "until": {"product": "time_of_use", "offset": "3 days"}},
            "steps[0].until.offset",
            "is not of the form ",
        ),
        (
            {"type": "wait", "for": "P1D", "window": {"from": "09:00", "to": "09:00"}},
            "steps[0].window",
            "from and to are the same time",
        ),
        ({"type": "send", "channel": "sms", "topic": "t"}, "steps[0]", "needs either template or body"),
        (
            {"type": "send", "channel": "sms", "fallback": ["sms"], "topic": "t", "body": "x"},
            "steps[0]",
            "fallback names a channel twice",
        ),
        ({"type": "wait_event", "event": "X"}, "steps[0].timeout", "is missing"),
        ({"type": "tag"}, "steps[0]", "needs add or remove"),
        ({"type": "tag", "add": ["a"], "remove": ["a"]}, "steps[0]", "adds and removes the same tag"),
        (
            {"type": "dance"},
            "steps[0]",
            "unknown type; known are wait, wait_event, wait_rule, branch, split, send, set, ",
        ),
        ({}, "steps[0]", "needs a type"),
        (
            {"type": "branch", "paths": [{"name": "p", "if": {"tga": "x"}}]},
            "steps[0].paths[0].if.tga",
            "unknown condition; known are ",
        ),
    ],
)
def test_a_step_that_cannot_be_says_where_and_why(step: dict[str, Any], path: str, message: str) -> None:
    found_path, found_step, found_message = faults(steps=[{"id": "here", **step}])[0]
    assert (found_path, found_step) == (path, "here")
    assert found_message.startswith(message)


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"trigger": {}}, "trigger", "needs one of the keys that say what kind it is"),
        ({"trigger": {"event": ""}}, "trigger.event", "is empty"),
        ({"audience": {"all": [{"tag": 3}]}}, "audience.all[0].tag", "input should be a valid string"),
        ({"exits": [{"rule": {"nope": 1}}]}, "exits[0].rule.nope", "unknown condition; known are "),
        ({"reentry": {"policy": "cooldown"}}, "reentry", '"cooldown" and the policy "cooldown" belong together'),
        ({"reentry": {"policy": "always", "key": "order_id"}}, "reentry.key", "is not of the form "),
        ({"holdout": 100}, "holdout", "input should be less than or equal to 90"),
        ({"steps": []}, "steps", "has nothing in it yet"),
    ],
)
def test_the_frame_of_a_flow_is_checked_too(changes: dict[str, Any], path: str, message: str) -> None:
    found_path, found_step, found_message = faults(**changes)[0]
    assert (found_path, found_step) == (path, "")
    assert found_message.startswith(message)


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"type": "wait_rule", "rule": {"tga": "x"}, "timeout": "P1D"}, "steps[0].rule.tga", "unknown condition"),
        ({"type": "wait_rule", "rule": {}}, "steps[0].timeout", "is missing"),
        (
            {"type": "split", "paths": [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}]},
            "steps[0]",
            "the weights add up to nothing",
        ),
        ({"type": "split", "paths": [{"name": "a", "weight": 1}]}, "steps[0].paths", "needs at least 2"),
        (
            {"type": "split", "paths": [{"name": "a", "weight": -1}, {"name": "b", "weight": 1}]},
            "steps[0].paths[0].weight",
            "input should be greater than or equal to 0",
        ),
        (
            {"type": "task", "title": "x", "wait_for_outcome": {"then": [{"outcome": "a"}]}},
            "steps[0].wait_for_outcome.timeout",
            "is missing",
        ),
        (
            {
                "type": "task", "title": "x",
                "wait_for_outcome": {"timeout": "P1D", "then": [{"outcome": "a"}, {"outcome": "a"}]},
            },
            "steps[0].wait_for_outcome",
            "names an outcome twice",
        ),
        ({"type": "ticket", "kind": "complaint", "subject": "x"}, "steps[0].kind", "input should be 'enquiry'"),
        ({"type": "ticket", "kind": "enquiry", "subject": " "}, "steps[0].subject", "is not of the form"),
        ({"type": "move_stage", "journey": "five-stage"}, "steps[0].stage", "is missing"),
        ({"type": "enrol"}, "steps[0].flow", "is missing"),
        ({"type": "coupon"}, "steps[0].promotion", "is missing"),
        ({"type": "coupon", "promotion": "Spring fair"}, "steps[0].promotion", "is not of the form"),
        ({"type": "webhook"}, "steps[0].url", "is missing"),
        ({"type": "webhook", "url": "http://127.1/"}, "steps[0].url", "is a number that is no plain IP address"),
        ({"type": "webhook", "url": "http://10.0.0.1/"}, "steps[0].url", "is not on the public internet"),
        ({"type": "webhook", "url": "https://example.com:22/"}, "steps[0].url", "uses a port other than"),
        ({"type": "webhook", "url": "https://me@example.com/"}, "steps[0].url", "carries a user name or password"),
        ({"type": "webhook", "url": "shop"}, "steps[0].url", "is no web address"),
        ({"type": "webhook", "url": "https://example.com", "body": {}}, "steps[0].body", "has nothing in it yet"),
        ({"type": "webhook", "url": "https://example.com", "body": "x"}, "steps[0].body", "not an object"),
        ({"type": "webhook", "url": "https://example.com", "body": {"a": "x" * 20_000}}, "steps[0].body", "is longer"),
        ({"type": "carrier pigeon"}, "steps[0]", "unknown type; known are "),
    ],
)  # fmt: skip
def test_the_other_kinds_of_steps_say_where_and_why_too(step: dict[str, Any], path: str, message: str) -> None:
    found_path, found_step, found_message = faults(steps=[{"id": "here", **step}])[0]
    assert (found_path, found_step) == (path, "here")
    assert found_message.startswith(message)


@pytest.mark.parametrize(
    "trigger",
    [
        {"segment": "vip", "on": "leave"},
        {"date": {"attribute": "birthday", "offset": "-P3D", "yearly": True, "at": "08:30"}},
        {"date": {"attribute": "warranty_ends"}},
        {"schedule": {"cron": "0 9 * * mon", "segment": "vip"}},
    ],
)
def test_every_trigger_is_read_and_given_back(trigger: dict[str, Any]) -> None:
    data = {"trigger": trigger, "steps": [{"id": "a", "type": "exit", "reason": "r"}]}
    assert parse_definition(data).as_json() == data


@pytest.mark.parametrize(
    ("trigger", "path", "message"),
    [
        ({"segment": "VIP people"}, "trigger.segment", "is not of the form"),
        ({"segment": "vip", "on": "visit"}, "trigger.on", "input should be 'enter' or 'leave'"),
        ({"date": {}}, "trigger.date.attribute", "is missing"),
        ({"date": {"attribute": "x", "offset": "PT3H"}}, "trigger.date", "offset is in whole days"),
        ({"date": {"attribute": "x", "offset": "3 days"}}, "trigger.date.offset", "is not of the form"),
        ({"date": {"attribute": "x", "at": "9am"}}, "trigger.date.at", "is not of the form"),
        ({"schedule": {"cron": "0 9 * *", "segment": "vip"}}, "trigger.schedule.cron", "needs five fields"),
        ({"schedule": {"cron": "0 9 * * *"}}, "trigger.schedule.segment", "is missing"),
    ],
)
def test_a_trigger_that_cannot_be_says_where_and_why(trigger: dict[str, Any], path: str, message: str) -> None:
    found_path, found_step, found_message = faults(trigger=trigger)[0]
    assert (found_path, found_step) == (path, "")
    assert found_message.startswith(message)


def test_what_the_calendar_brings_comes_again_unless_the_flow_says_once() -> None:
    def policy(**rest: Any) -> str:
        steps = [{"id": "a", "type": "exit", "reason": "r"}]
        return parse_definition({"steps": steps, **rest}).reentry.policy

    birthday, warranty = {"date": {"attribute": "birthday"}}, {"date": {"attribute": "warranty_ends"}}
    assert policy(trigger=birthday) == "after_exit"
    assert policy(trigger={"schedule": {"cron": "0 9 * * *", "segment": "s"}}) == "after_exit"
    assert policy(trigger=warranty) == policy(trigger={"event": "X"}) == "once"
    assert policy(trigger=birthday, reentry={"policy": "once"}) == "once"


def test_two_steps_never_share_an_id_however_deep_they_stand() -> None:
    inner = {"id": "a", "type": "send", "channel": "sms", "topic": "t", "body": "x"}
    steps = [
        {"id": "a", "type": "wait", "for": "P1D"},
        {"id": "b", "type": "wait_event", "event": "X", "timeout": "P1D", "else": [inner]},
    ]
    assert faults(steps=steps) == [("steps[1].else[0].id", "a", "another step has this id")]


def test_a_step_behind_an_exit_is_never_reached() -> None:
    steps = [{"id": "a", "type": "exit", "reason": "r"}, {"id": "b", "type": "exit", "reason": "r"}]
    assert faults(steps=steps) == [("steps[1]", "b", "is never reached: an exit stands before it")]


def test_a_step_behind_ways_that_all_end_is_never_reached() -> None:
    out = [{"id": "out", "type": "exit", "reason": "r"}]
    also = [{"id": "also", "type": "exit", "reason": "r"}]
    last = {"id": "last", "type": "wait", "for": "P1D"}
    closed = {"id": "w", "type": "wait_event", "event": "X", "timeout": "P1D", "then": out, "else": also}
    message = "is never reached: every way before it ends in an exit"
    assert faults(steps=[closed, last]) == [("steps[1]", "last", message)]
    parse_definition({"trigger": {"event": "X"}, "steps": [{**closed, "then": []}, last]})


def test_a_path_behind_one_that_takes_everybody_is_never_reached() -> None:
    paths = [
        {"name": "all", "if": {"all": []}, "steps": []},
        {"name": "vip", "if": {"tag": "vip"}, "steps": [{"id": "gift", "type": "wait", "for": "P1D"}]},
    ]
    assert faults(steps=[{"id": "which", "type": "branch", "paths": paths, "else": []}]) == [
        ("steps[0].paths[1].steps", "gift", "is never reached: an earlier path takes everybody")
    ]


def test_a_tree_too_large_to_be_read_is_refused() -> None:
    many = [{"id": f"s{number}", "type": "wait", "for": "P1D"} for number in range(201)]
    assert faults(steps=many) == [("steps[200]", "s200", "more than 200 steps")]
    deep: list[Any] = []
    for number in range(9):
        deep = [{"id": f"s{number}", "type": "wait_event", "event": "X", "timeout": "P1D", "then": deep}]
    assert [message for _, _, message in faults(steps=deep)] == ["nested deeper than 8 levels"]


def test_a_bottomless_tree_is_a_fault_and_no_crash() -> None:
    deep: list[Any] = []
    for number in range(400):
        deep = [{"id": f"s{number}", "type": "wait_event", "event": "X", "timeout": "P1D", "then": deep}]
    assert faults(steps=deep)
