"""Trying a flow on one customer under a clock of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from crm.models import Coupon, Customer, HookDelivery, Ticket
from journeys.models import Flow
from journeys.simulation.scripts import Happening, InvalidScript, Profile, Script, ShopRules
from journeys.simulation.simulate import Simulation, simulate
from messaging.outbox.policy import ShopPolicy
from tests.factories.crm import CustomerFactory, PromotionFactory
from tests.factories.journeys import live_flow
from tests.factories.messaging import make_template, opt_in
from tests.journeys.flows.worlds import branch, send, wait, wait_event
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 6, 3, tzinfo=UTC)  # a Friday, 10 in the morning in Bangkok
PLOY = Profile(name="Ploy Jaidee", phone="+66812345678", time_zone="Asia/Bangkok")
NIGHTS = ShopRules(quiet=ShopPolicy.from_json({"sms": {"from": "21:00", "to": "09:00", "topics": "all"}}, []))
DELIVERED = {"event": "Order Delivered"}


def at(day_: int, clock: str) -> datetime:
    """A day of March 2026, by the clocks of Bangkok."""
    return datetime.fromisoformat(f"2026-03-{day_:02}T{clock}+07:00")


def play(
    *steps: dict[str, Any], who: Profile | Customer = PLOY, flow: dict[str, Any] | None = None, **script: Any
) -> Simulation:
    """A flow of these steps, begun by a delivery at START and watched for a month, unless told otherwise."""
    definition = {"trigger": DELIVERED, "steps": list(steps), **(flow or {})}
    told: dict[str, Any] = {
        "who": who,
        "start": START,
        "until": START + timedelta(days=30),
        "trigger": Happening(script.get("start", START), "Order Delivered", {"order_id": "1001"}),
        **script,
    }
    return simulate(Script(definition, **told))


def lines(simulation: Simulation) -> list[str]:
    """Each entry as "day clock step what", by the clocks of Bangkok."""
    return [
        f"{entry.at.astimezone(at(1, '00:00').tzinfo):%d %H:%M} {entry.step or '-'} {entry.what}"
        for entry in simulation.entries
    ]


def bodies(simulation: Simulation) -> list[str]:
    return [entry.message.body for entry in simulation.entries if entry.what == "sent" and entry.message]


def test_a_review_request_waits_over_the_weekend_asks_and_reminds() -> None:
    simulation = play(
        wait("settle", "P1D", window={"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "19:00"}),
        send("ask", body="Hi {{ customer.first_name }}, how is order {{ event.order_id }}?"),
        wait_event("answer", "Product Reviewed", "P5D", **{"else": [send("remind", body="Still curious")]}),
    )

    assert lines(simulation) == [
        "06 10:00 - entered",
        "06 10:00 settle waiting",
        "09 09:00 settle woken",
        "09 09:00 ask sent",
        "09 09:00 answer waiting",
        "14 09:00 answer timed_out",
        "14 09:00 remind sent",
        "14 09:00 - completed",
    ]
    assert bodies(simulation) == ["Hi Ploy, how is order 1001?", "Still curious"]
    assert (simulation.state, simulation.reason, simulation.due_at) == ("completed", "", None)
    assert simulation.stages["usage-loop"] == "usage"


def test_an_event_in_time_wakes_the_wait_and_takes_the_other_path() -> None:
    simulation = play(
        wait_event("answer", "Product Reviewed", "P5D", then=[send("thank")], **{"else": [send("remind")]}),
        events=[Happening(at(8, "12:00"), "Product Reviewed", {"rating": 5})],
    )

    assert lines(simulation)[1:] == [
        "06 10:00 answer waiting",
        "08 12:00 answer woken",
        "08 12:00 thank sent",
        "08 12:00 - completed",
    ]


def test_where_it_stands_when_the_time_is_up() -> None:
    simulation = play(wait("settle", "P10D"), send("ask"), until=at(8, "00:00"))

    assert lines(simulation) == ["06 10:00 - entered", "06 10:00 settle waiting"]
    assert (simulation.state, simulation.due_at) == ("active", at(16, "10:00"))


def test_quiet_hours_hold_a_message_while_the_run_goes_on() -> None:
    simulation = play(wait("evening", "PT12H"), send("ask"), wait("after", "P1D"), rules=NIGHTS)

    assert lines(simulation) == [
        "06 10:00 - entered",
        "06 10:00 evening waiting",
        "06 22:00 evening woken",
        "06 22:00 ask held",
        "06 22:00 after waiting",
        "07 09:00 ask sent",
        "07 22:00 after woken",
        "07 22:00 - completed",
    ]
    held = simulation.entries[3]
    assert held.detail["until"] == at(7, "09:00").astimezone(UTC).isoformat()
    assert held.message is not None
    assert (held.message.body, held.message.reason) == ("Hello", "quiet_hours")
    assert held.detail["inputs"]["local"] == "2026-03-06T22:00+07:00"


def test_a_cap_of_the_occasion_withholds_what_is_over_it() -> None:
    one_a_day = ShopRules(quiet=ShopPolicy(), caps=ShopPolicy.from_json({}, [{"per": "day", "limit": 1}]))
    marketing = {"topic": "promotions"}
    willing = replace(PLOY, consents={"sms": {"promotions": "in"}})

    simulation = play(
        send("one", **marketing), send("two", **marketing), send("three", **marketing, over_cap="hold"),
        who=willing, rules=one_a_day,
    )  # fmt: skip

    assert lines(simulation) == [
        "06 10:00 - entered",
        "06 10:00 one sent",
        "06 10:00 two withheld",
        "06 10:00 three held",
        "06 10:00 - completed",
        "07 00:00 three sent",
    ]
    assert simulation.entries[2].detail["reason"] == "capped"


def test_what_was_not_agreed_to_is_withheld_and_consent_can_come_on_the_way() -> None:
    def promotion(name: str) -> dict[str, Any]:
        return send(name, topic="promotions")

    simulation = play(
        promotion("early"), wait("a", "P1D"), promotion("late"),
        rules=ShopRules(quiet=ShopPolicy()),
        events=[Happening(at(6, "20:00"), consents={"sms": {"promotions": "in"}})],
    )  # fmt: skip

    assert [line for line in lines(simulation) if "held" in line or "sent" in line] == [
        "06 10:00 early withheld",
        "07 10:00 late sent",
    ]
    assert simulation.entries[1].detail["reason"] == "no_consent"


def test_consent_withdrawn_ends_the_run_and_stops_what_is_held() -> None:
    simulation = play(
        wait("evening", "PT12H"), send("ask"), wait("after", "P1D"), send("again"),
        rules=NIGHTS,
        events=[Happening(at(7, "08:00"), consents={"sms": {"after_sales": "out"}})],
    )  # fmt: skip

    assert lines(simulation)[-2:] == ["07 08:00 ask withheld", "07 08:00 after exited"]
    assert simulation.entries[-2].detail["reason"] == "stopped"
    assert (simulation.state, simulation.reason) == ("exited", "consent withdrawn")
    assert bodies(simulation) == []


def test_an_exit_ends_it_in_the_middle_of_a_wait() -> None:
    simulation = play(
        wait("settle", "P7D"), send("ask"),
        flow={"exits": [{"event": "Order Refunded"}]},
        events=[Happening(at(8, "12:00"), "Order Refunded", {"order_id": "1001"})],
    )  # fmt: skip

    assert lines(simulation)[-1] == "08 12:00 settle exited"
    assert (simulation.state, simulation.reason) == ("exited", "Order Refunded")


def test_who_cannot_be_reached_gets_the_fallback_or_nothing() -> None:
    by_mail = Profile(name="Mali", email="mali@example.com")

    simulation = play(
        send("both", fallback=["email"], subject="Hello", body="By mail"), send("text", body="By text"), who=by_mail
    )

    both, text = simulation.entries[1:3]
    assert both.message is not None
    assert (both.what, both.message.channel, both.message.subject, both.message.body) == (
        "sent", "email", "Hello", "By mail",
    )  # fmt: skip
    assert (text.what, text.detail["reason"]) == ("withheld", "unreachable")


def test_a_rule_is_asked_of_the_made_up_customer() -> None:
    vip = branch("who", "vip", [send("gold", body="Gold")], **{"else": [send("plain", body="Plain")]})

    assert bodies(play(vip, who=replace(PLOY, tags=["vip"]))) == ["Gold"]
    assert bodies(play(vip)) == ["Plain"]
    assert lines(play(vip))[1] == "06 10:00 who moved"
    asked = {"rule": {"tag": "vip"}, "holds": False, "value": []}
    assert play(vip).entries[1].detail == {
        "outcome": "path", "path": "else", "paths": [{"path": "vip", "holds": False, "conditions": [asked]}],
    }  # fmt: skip


def test_a_branch_sees_what_the_flow_set_before_it() -> None:
    simulation = play({"id": "mark", "type": "tag", "add": ["vip"]}, branch("who", "vip", [send("gold", body="Gold")]))

    assert bodies(simulation) == ["Gold"]


def test_a_date_that_changes_on_the_way_is_the_one_that_counts() -> None:
    warranty = {"id": "until", "type": "wait", "until": {"attribute": "warranty_end"}}

    simulation = play(
        warranty, send("ask"),
        who=replace(PLOY, attributes={"warranty_end": "2026-03-10"}),
        events=[Happening(at(8, "12:00"), attributes={"warranty_end": "2026-03-12"})],
    )  # fmt: skip

    assert lines(simulation)[-2:] == ["12 00:00 ask sent", "12 00:00 - completed"]


def test_a_template_speaks_the_customers_language() -> None:
    make_template("thanks", en="Thank you", th="ขอบคุณ")

    assert bodies(play(send("a", body=None, template="thanks"), who=replace(PLOY, language="th"))) == ["ขอบคุณ"]


def test_a_clock_that_goes_forward_moves_a_wait_of_a_day() -> None:
    new_york = replace(PLOY, time_zone="America/New_York")
    start = datetime(2026, 3, 7, 15, tzinfo=UTC)  # 10:00; the clocks go forward that night

    simulation = play(wait("day", "P1D"), wait("hours", "PT24H"), who=new_york, start=start)

    assert [entry.at for entry in simulation.entries if entry.what == "woken"] == [
        datetime(2026, 3, 8, 14, tzinfo=UTC),
        datetime(2026, 3, 9, 14, tzinfo=UTC),
    ]


def test_somebody_without_a_zone_lives_where_the_shop_is() -> None:
    simulation = play(
        wait("day", "P1D", window={"from": "09:00", "to": "10:00"}),
        who=replace(PLOY, time_zone=""), rules=ShopRules(time_zone="Europe/Berlin"),
    )  # fmt: skip

    assert simulation.entries[-1].at == datetime(2026, 3, 7, 8, tzinfo=UTC)


def test_whom_the_audience_leaves_out_is_told_so_with_the_gate() -> None:
    simulation = play(send("ask"), flow={"audience": {"all": [{"tag": "vip"}]}})

    assert (simulation.state, simulation.reason) == ("exited", "not taken in: audience")
    (entry,) = simulation.entries
    assert entry.detail["gates"]["audience"]["rules"] == [{"rule": {"tag": "vip"}, "holds": False, "value": []}]
    assert entry.detail["gates"]["trigger"]["verdict"] == "passed"


def test_another_event_starts_nothing() -> None:
    simulation = play(send("ask"), trigger=Happening(START, "Product Viewed"))

    assert simulation.reason == "not taken in: trigger"


def test_a_flow_that_is_started_by_hand_needs_no_trigger() -> None:
    simulation = play(send("ask"), flow={"trigger": {"manual": True}}, trigger=None)

    assert lines(simulation) == ["06 10:00 - entered", "06 10:00 ask sent", "06 10:00 - completed"]


def test_coming_to_a_stage_starts_a_flow_through_the_shops_own_rules() -> None:
    flow = {"trigger": {"stage": {"journey": "usage-loop", "stage": "usage"}}}

    assert lines(play(send("ask"), flow=flow))[0] == "06 10:00 - entered"


def test_what_happened_before_the_start_is_history() -> None:
    twice = {"event": {"name": "Order Delivered", "count": {"gte": 2}}}
    step = {"id": "who", "type": "branch", "paths": [{"name": "again", "if": twice, "steps": [send("again")]}]}

    def outcome(*events: Happening) -> str:
        return str(play(step, events=events).entries[1].detail["path"])

    assert outcome() == "else"
    assert outcome(Happening(at(1, "10:00"), "Order Delivered", {"order_id": "1000"})) == "again"


def test_another_order_on_the_way_is_a_run_of_its_own() -> None:
    simulation = play(
        wait("settle", "P2D"), send("ask", body="{{ event.order_id }}"),
        flow={"reentry": {"policy": "always", "key": "properties.order_id"}},
        events=[Happening(at(7, "10:00"), "Order Delivered", {"order_id": "1002"})],
    )  # fmt: skip

    assert bodies(simulation) == ["1001", "1002"]


def test_nobody_made_up_is_held_out() -> None:
    for name in ("A", "B", "C", "D", "E", "F"):
        simulation = play(send("ask"), who=replace(PLOY, name=name), flow={"holdout": 90})
        assert simulation.state == "completed"


def test_a_real_customer_is_tried_with_what_they_did_in_that_flow() -> None:
    flow = live_flow(wait("settle", "P1D"), send("ask", body="Hi {{ customer.name }}"), trigger=DELIVERED)
    mali = CustomerFactory.create(name="Mali")
    before = simulate(Script(flow.draft, mali, START, day(20), flow, Happening(START, "Order Delivered")))
    happens(mali, "Order Delivered", day(1))

    after = simulate(Script(flow.draft, mali, START, day(20), flow, Happening(START, "Order Delivered")))

    assert bodies(before) == ["Hi Mali"]
    assert after.reason == "not taken in: reentry"
    assert after.entries[0].detail["gates"]["reentry"]["last"]["state"] == "active"


def test_messages_that_really_went_out_count_against_the_cap() -> None:
    mali = CustomerFactory.create()
    opt_in(mali, "promotions")
    cap = ShopRules(quiet=ShopPolicy(), caps=ShopPolicy.from_json({}, [{"per": "week", "limit": 0}]))

    simulation = play(send("ask", topic="promotions"), who=mali, rules=cap)

    assert simulation.entries[1].detail["reason"] == "capped"


def test_an_unknown_topic_in_a_consent_is_named_with_its_place() -> None:
    with pytest.raises(InvalidScript) as caught:
        play(send("ask"), events=[Happening(at(7, "10:00"), consents={"sms": {"gossip": "in"}})])

    assert caught.value.path == ("events", "0", "consent", "sms", "gossip")


def test_the_same_script_gives_the_same_answer() -> None:
    definition = [
        send("ask", channel="email", subject="Hi", topic="promotions", body="{{ links.preferences }}"),
        branch("who", "vip", []),
    ]
    willing = replace(PLOY, email="ploy@example.com", consents={"email": {"promotions": "in"}})

    first, second = (play(*definition, who=willing) for _ in range(2))

    assert first == second
    assert first.entries[1].message is not None
    assert "/preferences/…" in first.entries[1].message.body


def test_nothing_is_written() -> None:
    flow = live_flow(send("ask"), trigger=DELIVERED)
    mali = CustomerFactory.create(name="Mali")

    def tables() -> dict[str, list[tuple[Any, ...]]]:
        with connection.cursor() as cursor:
            found = {}
            for model in apps.get_models(include_auto_created=True):
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY 1')
                found[model._meta.label] = cursor.fetchall()
        return found

    steps = [
        {"id": "set", "type": "set", "attributes": {"asked": True}},
        {"id": "mark", "type": "tag", "add": ["brand new"]},
        {"id": "call", "type": "task", "title": "Call", "assign": "owner"},
        send("ask", topic="promotions"),
        wait_event("answer", "Product Reviewed", "P5D"),
    ]
    before = tables()

    play(*steps, events=[Happening(at(7, "10:00"), consents={"sms": {"promotions": "in"}})])
    simulate(
        Script({"trigger": DELIVERED, "steps": steps}, mali, START, day(20), flow, Happening(START, "Order Delivered"))
    )
    with pytest.raises(InvalidScript):
        play(send("ask"), events=[Happening(at(7, "10:00"), consents={"sms": {"gossip": "in"}})])

    assert tables() == before
    assert Flow.objects.get(pk=flow.pk).live_version_id == flow.live_version_id


def test_every_kind_of_step_is_played_and_nothing_of_it_stays() -> None:
    simulation = play(
        {"id": "who", "type": "split", "paths": [{"name": "a", "weight": 1, "steps": []}, {"name": "b", "weight": 0}]},
        {"id": "moved", "type": "move_stage", "journey": "five-stage", "stage": "advocacy"},
        {"id": "call", "type": "task", "title": "Call",
         "wait_for_outcome": {"timeout": "P2D", "then": [{"outcome": "reached", "steps": [send("thank")]}]}},
        {"id": "kept", "type": "wait_rule", "rule": {"tag": "kept"}, "timeout": "P5D", "then": [send("then")]},
        {"id": "ask", "type": "ticket", "kind": "after_sales", "subject": "Unhappy", "priority": "high"},
        events=[Happening(at(7, "10:00"), "Task Completed", {"outcome": "reached"})],
    )  # fmt: skip

    assert lines(simulation)[1:] == [
        "06 10:00 who moved",
        "06 10:00 moved moved",
        "06 10:00 call waiting",
        "07 10:00 call woken",
        "07 10:00 thank sent",
        "07 10:00 kept waiting",
        "12 10:00 kept timed_out",
        "12 10:00 ask moved",
        "12 10:00 - completed",
    ]
    assert simulation.stages["five-stage"] == "advocacy"
    assert not Ticket.objects.exists()


def test_a_coupon_is_an_example_and_nobody_is_called() -> None:
    PromotionFactory.create(slug="spring", name="Spring")
    steps = [
        {"id": "gift", "type": "coupon", "promotion": "spring"},
        {"id": "tell", "type": "webhook", "url": "https://hooks.shop.example/in"},
        send("say", body="{{ coupon.code }}: {{ coupon.value }}"),
    ]
    first, second = play(*steps), play(*steps)

    assert lines(first)[1:] == [
        "06 10:00 gift moved", "06 10:00 tell moved", "06 10:00 say sent", "06 10:00 - completed",
    ]  # fmt: skip
    assert bodies(first) == bodies(second) == ["EXAMPLE-1: 10%"]
    assert [entry.detail for entry in first.entries[1:3]] == [
        {"outcome": "given", "promotion": "spring"}, {"outcome": "called"},
    ]  # fmt: skip
    assert not Coupon.objects.exists()
    assert not HookDelivery.objects.exists()
