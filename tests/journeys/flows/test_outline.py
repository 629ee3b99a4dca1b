from typing import Any

from django.utils import translation

from journeys.flows.definition import parse_definition
from journeys.flows.outline import Card, Names, Outline, outline
from journeys.flows.presets import PRESETS

NAMES = Names(
    templates={"thanks": "Thank you"}, topics={"after_sales": "After-sales service"},
    stages={("five-stage", "purchase"): "Purchase"}, promotions={"spring": "Spring fair"},
)  # fmt: skip


def drawn(*steps: dict[str, Any], **definition: Any) -> Outline:
    with translation.override("en"):
        return outline(parse_definition({"trigger": {"manual": True}, "steps": list(steps), **definition}), NAMES)


def said(step: dict[str, Any]) -> tuple[str, list[str]]:
    card = drawn({"id": "one", **step}).cards[0]
    return card.title, card.lines


def test_each_kind_of_step_says_what_it_does() -> None:
    window = {"from": "09:00", "to": "19:00"}
    assert said({"type": "wait", "for": "P7D", "window": window}) == (
        "Wait 7 days", ["goes on between 09:00 and 19:00"]
    )  # fmt: skip
    assert said({"type": "wait", "for": "PT2H", "window": {**window, "days": ["mon", "fri"]}})[1] == [
        "goes on between 09:00 and 19:00, Mon, Fri"
    ]
    assert said({"type": "wait", "until": {"attribute": "birthday", "offset": "-P3D"}})[0] == (
        "Wait until 3 days before birthday"
    )
    assert said({"type": "wait", "until": {"attribute": "warranty"}})[0] == "Wait until warranty"
    assert said({"type": "wait", "until": {"product": "time_of_use"}})[0] == (
        "Wait until all they ordered could be tried"
    )
    assert said({"type": "wait", "until": {"product": "repurchase_after", "offset": "-P3D"}})[0] == (
        "Wait until 3 days before the first thing they ordered runs out"
    )
    assert said({"type": "wait_event", "event": "Order Paid", "timeout": "P1D", "look_back": "PT1H"}) == (
        "Wait for: Paid", ["at most 1 day", "also if it was in the 1 hour before"]
    )  # fmt: skip
    send = {"type": "send", "channel": "sms", "fallback": ["email"], "template": "thanks", "topic": "after_sales"}
    assert said({**send, "over_cap": "hold", "if_unreachable": "exit"}) == (
        "SMS: Thank you",
        [
            "about After-sales service", "else by Email", "of no use after 24 hours",
            "waits when the customer has had enough messages", "whoever cannot be reached leaves the flow",
        ],
    )  # fmt: skip
    assert said({"type": "send", "channel": "sms", "body": "Hello!", "topic": "news"})[0] == "SMS: Hello!"
    assert said({"type": "tag", "add": ["vip"], "remove": ["new"]}) == ("Change tags", ["+ vip", "− new"])
    assert said({"type": "set", "attributes": {"plan": "gold"}}) == ("Set on the record", ["plan = gold"])
    assert said({"type": "task", "title": "Call", "assign": "owner", "due": "P1D"}) == (
        "Task: Call", ["for the customer's owner", "due in 1 day"]
    )  # fmt: skip
    assert said({"type": "task", "title": "Call"})[1] == ["for whoever takes it"]
    assert said({"type": "coupon", "promotion": "spring"}) == ("Give a coupon: Spring fair", [])
    assert said({"type": "coupon", "promotion": "gone"}) == ("Give a coupon: gone", [])
    call = {"type": "webhook", "url": "https://hooks.shop.example/in?key=1"}
    assert said(call) == ("Call hooks.shop.example", [])
    assert said({**call, "body": {"a": 1}}) == ("Call hooks.shop.example", ["says what this step wrote for it"])
    assert said({"type": "exit", "reason": "done"}) == ("Leave the flow", ["done"])


def test_paths_stand_below_the_card_that_parts_them() -> None:
    card = drawn(
        {
            "id": "way", "type": "branch",
            "paths": [
                {"name": "Regulars", "if": {"tag": "vip"}, "steps": [{"id": "a", "type": "exit", "reason": "x"}]}
            ],
            "else": [],
        },
    ).cards[0]  # fmt: skip
    assert [(path.name, [inner.id for inner in path.cards]) for path in card.paths] == [
        ("Regulars: tagged “vip”", ["a"]), ("Everybody else", []),
    ]  # fmt: skip
    wait = drawn({"id": "w", "type": "wait_event", "event": "Order Paid", "timeout": "P1D"}).cards[0]
    assert [path.name for path in wait.paths] == ["It happened", "Nothing in time"]
    dated = drawn({"id": "d", "type": "wait", "until": {"attribute": "birthday"}, "missing": [], "past": []}).cards[0]
    assert [path.name for path in dated.paths] == ["No date on the record", "The date is past"]
    bought = drawn({"id": "d", "type": "wait", "until": {"product": "time_of_use"}, "missing": []}).cards[0]
    assert [path.name for path in bought.paths] == ["No date is known"]


def test_terms_say_who_comes_in_who_leaves_and_what_counts() -> None:
    flow = drawn(
        {"id": "one", "type": "exit", "reason": "x"},
        trigger={"stage": {"journey": "five-stage", "stage": "purchase"}},
        audience={"tag": "vip"},
        reentry={"policy": "cooldown", "cooldown": "P30D", "key": "properties.order_id"},
        exits=[{"event": "Order Refunded"}, {"rule": {"ticket": {"open": True}}}],
        goal={"event": "Product Reviewed", "within": "P14D"},
        holdout=10,
    )
    assert flow.trigger == "Came to the stage Purchase"
    assert flow.terms == [
        ("For", "tagged “vip”"),
        ("Again", "30 days after the last entry at the earliest, for each order_id apart"),
        ("Leaves early when", "Money refunded; has an open ticket"),
        ("Goal", "Wrote a review within 14 days"),
        ("Held out", "10% are only watched, to compare"),
    ]


def test_the_flows_that_come_with_the_product_can_all_be_read() -> None:
    def ids(cards: list[Card]) -> list[str]:
        return [found for card in cards for found in (card.id, *ids([i for path in card.paths for i in path.cards]))]

    for preset in PRESETS:
        definition = parse_definition(preset.definition)
        flow = outline(definition, NAMES)
        assert flow.trigger
        assert sorted(ids(flow.cards)) == sorted(step.id for _path, _nesting, step in definition.walk())


def test_a_wait_of_no_length_is_said_as_what_it_does() -> None:
    now = {"type": "wait", "for": "PT0S"}
    assert said(now) == ("Go on at once", [])
    hours = {"window": {"from": "09:00", "to": "19:00"}}
    assert said({**now, **hours}) == ("Go on at once, within these hours", ["goes on between 09:00 and 19:00"])
