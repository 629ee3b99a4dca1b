import pytest

from crm.rules import InvalidRule, parse_rule
from crm.rules.schema import Group, Leaf, Not


def faults(data: object, path: str = "") -> list[str]:
    with pytest.raises(InvalidRule) as caught:
        parse_rule(data, path)
    return [str(fault) for fault in caught.value.faults]


def test_nothing_means_everybody() -> None:
    assert parse_rule({}) == parse_rule({"all": []}) == Group("all", ())


def test_nodes_nest() -> None:
    rule = parse_rule({"any": [{"tag": "a"}, {"not": {"all": [{"tag": "b"}]}}]})

    assert rule == Group("any", (Leaf("tag", "a"), Not(Group("all", (Leaf("tag", "b"),)))))


def test_every_fault_is_named_with_its_path() -> None:
    rule = {
        "all": [
            {"event": {"name": "Order Completed", "within": "7 days", "colour": "red"}},
            {"nonsense": 1},
            {"tag": "a", "not": {}},
            {"any": {"tag": "a"}},
            {"purchases": {"count": {}}},
            {"event": {"name": "X", "where": [{"property": "total", "op": "gte", "value": [1]}]}},
        ]
    }

    found = faults(rule)

    assert found[:2] == ["all[0].event.within: not an ISO 8601 duration", "all[0].event.colour: unknown key"]
    assert found[2].startswith("all[1].nonsense: unknown condition; known are all, any, not, attribute")
    assert found[3:] == [
        "all[2]: has 2 keys (not, tag), needs exactly one",
        "all[3].any: needs a list",
        "all[4].purchases.count: needs at least one of eq, ne, gt, gte, lt, lte",
        "all[5].event.where[0]: gte needs one value",
    ]


def test_a_rule_inside_a_document_names_the_whole_path() -> None:
    assert faults({"tag": ""}, "steps[2].if") == ["steps[2].if.tag: string should have at least 1 character"]


@pytest.mark.parametrize("data", [None, [], "tag", 7])
def test_a_rule_is_an_object(data: object) -> None:
    assert faults(data) == ["not an object"]


@pytest.mark.parametrize("number", ["1e9999999", "-1e9999999", "1e-9999999"])
def test_a_number_without_end_is_a_fault_like_another(number: str) -> None:
    assert faults({"purchases": {"total": {"gte": number}}}) == [
        "purchases.total.gte: beyond 15 digits or 10 decimal places"
    ]


def test_a_rule_has_a_depth_and_a_size() -> None:
    deep: dict[str, object] = {"tag": "a"}
    for _ in range(10):
        deep = {"not": deep}
    assert "nested deeper than 8" in faults(deep)[0]
    assert "more than 100 conditions" in faults({"all": [{"tag": "a"}] * 101})[0]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({"name": "email", "op": "before", "value": "2026-01-01"}, "before is for dates, email is text"),
        ({"name": "birthday", "op": "contains", "value": "x"}, "contains is for text, birthday is a date"),
        ({"name": "email", "op": "exists", "value": "x"}, "exists takes no value"),
        ({"name": "email", "op": "eq"}, "eq takes a value"),
        ({"name": "created_at", "op": "within", "value": "soon"}, "not an ISO 8601 duration"),
    ],
)
def test_a_test_of_a_field_must_fit_the_field(test: object, message: str) -> None:
    assert faults({"field": test}) == [f"field: {message}"]
