"""Tests that staff keep: what must come of a script before a draft is published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override

from journeys.flows.definition import InvalidDefinition
from journeys.models import Flow, FlowTest, FlowVersion
from journeys.simulation import expectations, flow_tests, stored
from journeys.simulation.flow_tests import MOST_TESTS, CannotKeep, FailingTests
from journeys.simulation.scripts import Happening, Profile, Script, ShopRules
from journeys.simulation.words import difference_in_words
from messaging.outbox.policy import ShopPolicy
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import FlowFactory
from tests.journeys.flows.worlds import send, wait

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 6, 3, tzinfo=UTC)  # a Friday, 10 in the morning in Bangkok
WORKDAYS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "19:00"}
PLOY = Profile(name="Ploy Jaidee", phone="+66812345678", time_zone="Asia/Bangkok")
ASK = send("ask", body="How is order {{ event.order_id }}?")


def draft(*steps: dict[str, Any], slug: str = "reviews") -> Flow:
    return FlowFactory.create(slug=slug, draft={"trigger": {"event": "Order Delivered"}, "steps": list(steps)})


def change(flow: Flow, *steps: dict[str, Any]) -> None:
    flow.draft = {**flow.draft, "steps": list(steps)}
    flow.save()


def script(flow: Flow, **more: Any) -> Script:
    trigger = Happening(START, "Order Delivered", {"order_id": "1001"})
    told = {"who": PLOY, "start": START, "until": START + timedelta(days=30), "trigger": trigger, "flow": flow, **more}
    return Script(flow.draft, **told)


def keep(flow: Flow, name: str = "Across a weekend", **more: Any) -> FlowTest:
    """A test that expects what the draft does now."""
    told = script(flow, **more)
    return flow_tests.keep_test(
        flow, name=name, script=told, expected=flow_tests.lines_of(told), actor=None, now=NOON
    )  # fmt: skip


def test_what_came_of_it_is_kept_by_the_customers_clock() -> None:
    test = keep(draft(wait("settle", "P1D", window=WORKDAYS), ASK))

    assert FlowTest.objects.get().expected == test.expected == [
        {"at": "2026-03-06T10:00:00", "step": None, "what": "entered"},
        {"at": "2026-03-09T09:00:00", "step": "settle", "what": "woken"},
        {"at": "2026-03-09T09:00:00", "step": "ask", "what": "sent", "channel": "sms", "body": "How is order 1001?"},
        {"at": "2026-03-09T09:00:00", "step": None, "what": "completed"},
    ]  # fmt: skip


def test_a_run_that_still_waits_at_the_end_is_expected_to_wait_there() -> None:
    flow = draft(wait("settle", "P10D"), ASK)

    assert flow_tests.lines_of(script(flow, until=START + timedelta(days=3)))[-1] == {
        "at": "2026-03-06T10:00:00", "step": "settle", "what": "waiting",
    }  # fmt: skip


def test_a_draft_is_published_while_its_tests_pass_and_refused_when_one_fails() -> None:
    flow = draft(wait("settle", "P1D", window=WORKDAYS), ASK)
    keep(flow)
    assert flow_tests.publish(flow, actor=None, now=NOON).number == 1

    change(flow, wait("settle", "P1D"), ASK)
    with pytest.raises(FailingTests) as refused:
        flow_tests.publish(flow, actor=None, now=NOON)

    (fault,) = refused.value.faults
    assert (fault.path, fault.step) == ("tests[Across a weekend]", "settle")
    assert fault.message == (
        "The test “Across a weekend” fails: expected: Mon 9 Mar, 09:00: Wait 1 day – goes on; "
        "came: Sat 7 Mar, 10:00: Wait 1 day – goes on"
    )
    assert FlowVersion.objects.count() == 1
    assert Flow.objects.get().live_version == FlowVersion.objects.get()


def test_what_is_wrong_with_the_draft_itself_is_said_first() -> None:
    flow = draft(ASK)
    keep(flow)
    change(flow, {"id": "one", "type": "dance"})

    with pytest.raises(InvalidDefinition):
        flow_tests.publish(flow, actor=None, now=NOON)


def test_an_expectation_is_changed_deliberately_or_the_test_taken_away() -> None:
    flow = draft(wait("settle", "P1D", window=WORKDAYS), ASK)
    first, second = keep(flow), keep(flow, "Twice")
    change(flow, wait("settle", "P1D"), ASK)

    first.flow.refresh_from_db()
    flow_tests.accept(first, now=NOON)
    second.delete()

    assert first.expected[1] == {"at": "2026-03-07T10:00:00", "step": "settle", "what": "woken"}
    assert flow_tests.publish(flow, actor=None, now=NOON).number == 1


def test_running_them_notes_on_each_how_it_went_and_with_which_draft() -> None:
    flow = draft(ASK)
    good, bad = keep(flow), keep(flow, "Other text")
    bad.expected[1]["body"] = "How is order 1002?"
    bad.save()

    tests = list(FlowTest.objects.order_by("pk").select_related("flow"))
    flow_tests.run_tests(flow, tests, now=NOON)

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.differences, good.ran_at, len(good.ran_with)) == ([], NOON, 64)
    (difference,) = bad.differences
    assert (difference["kind"], difference["got"]["body"]) == ("changed", "How is order 1001?")


def test_texts_count_only_where_they_are_expected() -> None:
    flow = draft(ASK)
    told = script(flow)
    test = flow_tests.keep_test(
        flow, name="Times only", script=told, expected=expectations.without_texts(flow_tests.lines_of(told)),
        actor=None, now=NOON,
    )  # fmt: skip
    change(flow, send("ask", body="Another text"))

    assert flow_tests.try_test(test, flow.draft) == []
    test.flow = flow
    flow_tests.accept(test, now=NOON)
    assert not expectations.has_texts(test.expected)


def test_a_script_that_names_what_is_no_longer_here_fails_and_says_so() -> None:
    flow = draft(ASK)
    test = keep(flow)
    test.script["profile"]["consents"] = {"sms": {"gone": "in"}}

    (difference,) = flow_tests.try_test(test, flow.draft)
    assert difference["kind"] == "broken"
    assert difference["message"].startswith("profile.consents.sms.gone: unknown topic")


def test_trying_writes_nothing_but_how_it_went() -> None:
    flow = draft(ASK)
    test = keep(flow)
    before = Flow.objects.values().get()

    flow_tests.run_tests(flow, [test], now=NOON)

    assert Flow.objects.values().get() == before
    assert not FlowVersion.objects.exists()


class TestWhatCannotBeKept:
    def test_somebody_real(self) -> None:
        flow = draft(ASK)
        with pytest.raises(CannotKeep) as refused:
            keep(flow, who=CustomerFactory.create())
        assert refused.value.field == "script"

    def test_a_name_twice(self) -> None:
        flow = draft(ASK)
        test = keep(flow)
        with pytest.raises(CannotKeep) as refused:
            keep(flow)
        assert (refused.value.field, refused.value.message) == ("name", "Another test of this flow has this name.")
        flow_tests.keep_test(
            flow, name=test.name, script=script(flow), expected=[], actor=None, now=NOON, test=test
        )  # its own name is no other's
        assert keep(draft(ASK, slug="other")).name == test.name

    def test_more_than_a_colleague_would_read(self) -> None:
        flow = draft(ASK)
        for number in range(MOST_TESTS):
            FlowTest.objects.create(
                flow=flow, name=str(number), script={}, expected=[], created_at=NOON, updated_at=NOON
            )
        with pytest.raises(CannotKeep):
            keep(flow)


def test_a_script_is_read_back_as_it_was_written() -> None:
    flow = draft(ASK)
    told = script(
        flow,
        who=replace(
            PLOY, birthday=date(1990, 2, 28), tags=["vip"], attributes={"size": 3},
            consents={"sms": {"after_sales": "in"}},
        ),
        events=[
            Happening(START, "Product Viewed", {"sku": "K-1"}),
            Happening(START, consents={"email": {"promotions": "out"}}),
            Happening(START, attributes={"size": None}),
        ],
        rules=ShopRules(
            "Asia/Tokyo", ShopPolicy.from_json({"sms": {"from": "21:00", "to": "09:00", "topics": "all"}}, []),
            ShopPolicy.from_json({}, [{"per": "day", "limit": 2}]),
        ),
    )  # fmt: skip

    assert stored.from_json(stored.as_json(told), flow=flow, definition=flow.draft) == told
    with pytest.raises(TypeError):
        stored.as_json(replace(told, who=CustomerFactory.create()))


# --- Differences ----------------------------------------------------------------------------------


def line(step: str | None, what: str, at: str = "09:00", **more: str) -> dict[str, Any]:
    return {"at": f"2026-03-09T{at}:00", "step": step, "what": what, **more}


def test_what_is_missing_came_besides_or_came_otherwise() -> None:
    expected = [line(None, "entered"), line("ask", "sent"), line("tell", "sent"), line("end", "exited")]
    got = [line(None, "entered"), line("ask", "withheld"), line("end", "exited", "10:00"), line(None, "completed")]

    assert expectations.differences(expected, got) == [
        {"kind": "changed", "expected": expected[1], "got": got[1]},
        {"kind": "missing", "expected": expected[2]},
        {"kind": "changed", "expected": expected[3], "got": got[2]},
        {"kind": "extra", "got": got[3]},
    ]
    assert expectations.differences(got, got) == []


def test_differences_are_told_in_the_readers_language() -> None:
    missing = {"kind": "missing", "expected": line("ask", "withheld", reason="no_consent", channel="sms")}

    assert difference_in_words(missing, {"ask": "SMS: Review"}) == (
        "expected, but it did not happen: Mon 9 Mar, 09:00: SMS: Review – withheld "
        "(No consent for this topic on this channel, SMS)"
    )
    with override("th"):
        assert "จ. 9 มี.ค." in difference_in_words(missing, {})
