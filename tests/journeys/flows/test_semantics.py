"""
The promises of docs/journeys.md, "What happens when", each under its own sentence and through the doors of the product:
facts on the log, the runner, the sender. Finer cases stand beside the modules that keep them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.events import log
from crm.models import Customer
from crm.services import consents, merges
from crm.services.customers import add_tags, edit_customer
from crm.services.profiles import Profile, Said, put_profiles
from journeys.flows import enrolment, people, runner, versions, work
from journeys.flows.impact import PeopleInside
from journeys.models import Enrolment, Flow, StepVisit
from journeys.selectors import flows as counters
from messaging.models import Message
from messaging.outbox.sender import send_due
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import live_flow
from tests.factories.messaging import opt_in, phone_of
from tests.journeys.happenings import happens, run_of, told

pytestmark = pytest.mark.django_db

CART = {"event": "Checkout Started"}
PAID = {"event": "Order Paid"}
WEDNESDAY = datetime(2026, 3, 4, 5, tzinfo=UTC)  # noon in Bangkok, the shop's zone


def later(**span: float) -> datetime:
    return WEDNESDAY + timedelta(**span)


def wait(id_: str = "pause", for_: str = "P1D", **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "wait", "for": for_, **rest}


def until(attribute: str, **rest: Any) -> dict[str, Any]:
    return {"id": "until", "type": "wait", "until": {"attribute": attribute}, **rest}


def send(id_: str = "hi", **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "send", "channel": "sms", "topic": "after_sales", "body": id_, **rest}


def promote(id_: str = "sale", **rest: Any) -> dict[str, Any]:
    return send(id_, topic="promotions", **rest)


def answer(**rest: Any) -> dict[str, Any]:
    return {
        "id": "answer", "type": "wait_event", "event": "Product Reviewed", "timeout": "P5D", "then": [send("thank")],
        "else": [send("remind")], **rest,
    }  # fmt: skip


def enter(flow: Flow, *customers: Customer, at: datetime = WEDNESDAY) -> None:
    """By hand; then whatever is due."""
    come(flow, *customers, at=at)
    tick(at)


def come(flow: Flow, *customers: Customer, at: datetime) -> None:
    """By hand, and the worker has not been there yet."""
    enrolment.enrol_by_hand(flow, customers, now=at)


def tick(now: datetime) -> None:
    """Everything flows have to do at `now`."""
    while work.work_due(now=now, limit=100):
        pass


def path(customer: Customer) -> list[str]:
    visits = StepVisit.objects.filter(enrolment__customer=customer).order_by("pk")
    return [f"{step} {outcome}" for step, outcome in visits.values_list("step", "outcome")]


def written(customer: Customer) -> list[str]:
    """The steps that put a message on the ledger for them."""
    return [message.cause["step"] for message in Message.objects.filter(customer=customer).order_by("pk")]


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


# --- time -------------------------------------------------------------------------------------


def test_a_day_is_the_same_wall_time_next_day_and_24_hours_are_exactly_24_hours() -> None:
    new_york = CustomerFactory.create(time_zone="America/New_York")
    evening = datetime(2026, 3, 7, 22, tzinfo=UTC)  # 17:00, the night before the clocks go forward
    enter(live_flow(wait(for_="P1D")), new_york, at=evening)
    enter(live_flow(wait(for_="PT24H")), new_york, at=evening)
    due = Enrolment.objects.order_by("pk").values_list("due_at", flat=True)
    assert list(due) == [datetime(2026, 3, 8, 21, tzinfo=UTC), datetime(2026, 3, 8, 22, tzinfo=UTC)]


def test_a_local_time_that_does_not_exist_is_the_first_instant_after_the_gap_and_one_twice_the_first() -> None:
    new_york = CustomerFactory.create(time_zone="America/New_York")
    come(live_flow(wait()), new_york, at=datetime(2026, 3, 7, 7, 30, tzinfo=UTC))  # 02:30
    come(live_flow(wait()), new_york, at=datetime(2026, 10, 31, 5, 30, tzinfo=UTC))  # 01:30
    due = Enrolment.objects.order_by("pk").values_list("due_at", flat=True)
    assert list(due) == [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]


def test_the_time_zone_is_the_customers_else_the_shops() -> None:
    nine = {"from": "09:00", "to": "10:00"}
    here, berlin, unknown = (CustomerFactory.create(time_zone=name) for name in ("", "Europe/Berlin", "UTC+7"))
    enter(live_flow(wait(for_="PT12H", window=nine)), here, berlin, unknown)
    assert [run_of(one).due_at for one in (here, berlin, unknown)] == [
        datetime(2026, 3, 5, 2, tzinfo=UTC), datetime(2026, 3, 5, 8, tzinfo=UTC), datetime(2026, 3, 5, 2, tzinfo=UTC),
    ]  # fmt: skip


def test_a_window_may_cross_midnight_and_a_weekday_names_the_day_it_opens() -> None:
    friday_night = {"from": "22:00", "to": "02:00", "days": ["fri"]}
    early, late = CustomerFactory.create_batch(2)
    flow = live_flow(wait(for_="PT1H", window=friday_night))
    come(flow, early, at=datetime(2026, 3, 6, 17, tzinfo=UTC))  # an hour later it is Saturday, 01:00
    come(flow, late, at=datetime(2026, 3, 6, 18, tzinfo=UTC))  # … and 02:00
    assert run_of(early).due_at == datetime(2026, 3, 6, 18, tzinfo=UTC)
    assert run_of(late).due_at == datetime(2026, 3, 13, 15, tzinfo=UTC)


# --- what ends a run --------------------------------------------------------------------------


def test_exit_goal_and_withdrawn_consent_act_at_once_also_in_the_middle_of_a_wait() -> None:
    left, reached, silent = CustomerFactory.create_batch(3)
    flow = live_flow(wait(), promote(), exits=[{"event": "Order Refunded"}], goal={"event": "Order Paid"})
    enter(flow, left, reached, silent)
    happens(left, "Order Refunded", later(hours=1))
    happens(reached, "Order Paid", later(hours=1))
    consents.record_consents(silent, {"sms": {"promotions": "out"}}, via="keyword", now=later(hours=1))
    assert [(run_of(one).reason, run_of(one).ended_at) for one in (left, reached, silent)] == [
        ("Order Refunded", later(hours=1)), ("goal reached", later(hours=1)), ("consent withdrawn", later(hours=1)),
    ]  # fmt: skip
    tick(later(days=9))
    assert not Message.objects.exists()


# --- events and their timeouts ----------------------------------------------------------------


def test_an_event_that_races_its_timeout_takes_exactly_one_path() -> None:
    heard, told_late, too_late = CustomerFactory.create_batch(3)
    flow = live_flow(answer(**{"else": [wait("grace"), send("remind")]}))
    enter(flow, heard, told_late, too_late)
    happens(heard, "Product Reviewed", later(days=5) - timedelta(seconds=1))
    tick(later(days=5))
    # It occurred in time and nothing has been sent: the event wins, however late it becomes known.
    happens(told_late, "Product Reviewed", later(days=4), known=later(days=5, hours=3))
    happens(too_late, "Product Reviewed", later(days=5))
    tick(later(days=8))
    assert [written(one) for one in (heard, told_late, too_late)] == [["thank"], ["thank"], ["remind"]]


def test_once_the_timeout_path_has_sent_something_the_event_comes_too_late(customer: Customer) -> None:
    enter(live_flow(answer(**{"else": [send("remind"), wait("grace")]})), customer)
    tick(later(days=5))
    happens(customer, "Product Reviewed", later(days=4), known=later(days=5, hours=1))
    tick(later(days=8))
    assert written(customer) == ["remind"]


def test_an_event_before_the_wait_began_does_not_count_unless_the_step_looks_back() -> None:
    plain, patient = CustomerFactory.create_batch(2)
    for one in (plain, patient):
        happens(one, "Product Reviewed", later(hours=-2))
    enter(live_flow(answer()), plain)
    enter(live_flow(answer(look_back="PT3H")), patient)
    assert (written(plain), written(patient)) == ([], ["thank"])


# --- dates ------------------------------------------------------------------------------------


def test_a_missing_or_past_date_takes_its_path_else_leaves_and_never_sends_at_once() -> None:
    none, gone = CustomerFactory.create(), CustomerFactory.create(attributes={"ends": "2026-01-01"})
    enter(live_flow(until("ends"), send()), none, gone)
    assert [(run_of(one).state, run_of(one).reason) for one in (none, gone)] == [
        ("exited", "no date"), ("exited", "date past"),
    ]  # fmt: skip
    assert not Message.objects.exists()
    enter(live_flow(until("ends", missing=[send("ask")], past=[send("sorry")])), none, gone)
    assert (written(none), written(gone)) == (["ask"], ["sorry"])


def test_a_date_that_moves_re_times_the_wait_and_one_that_is_erased_takes_missing() -> None:
    later_, earlier, erased = (CustomerFactory.create(attributes={"ends": "2026-03-10"}) for _ in range(3))
    enter(live_flow(until("ends", missing=[send("ask")]), send()), later_, earlier, erased)
    edit_customer(later_, {"attributes": {"ends": "2026-03-20"}}, now=WEDNESDAY, actor=None)
    put_profiles([Said(earlier.pk, Profile(attributes={"ends": "2026-03-07"}), WEDNESDAY)], now=WEDNESDAY)
    edit_customer(erased, {"attributes": {"ends": None}}, now=WEDNESDAY, actor=None)
    tick(later(hours=1))
    midnight = datetime(2026, 3, 6, 17, tzinfo=UTC)
    assert [run_of(one).due_at for one in (later_, earlier)] == [midnight + timedelta(days=13), midnight]
    assert [written(one) for one in (later_, earlier, erased)] == [[], [], ["ask", "hi"]]
    tick(midnight)
    assert [written(one) for one in (later_, earlier)] == [[], ["hi"]]


# --- whether a message goes out ---------------------------------------------------------------


def test_over_a_cap_a_message_is_skipped_and_recorded_or_held_while_it_is_of_use() -> None:
    skips, holds, hurried = CustomerFactory.create_batch(3)
    for one in (skips, holds, hurried):
        opt_in(one, "promotions")
    first = [promote("one"), promote("two")]
    enter(live_flow(*first, promote("three")), skips)
    enter(live_flow(*first, promote("three", over_cap="hold", expires_after="P2D")), holds)
    enter(live_flow(*first, promote("three", over_cap="hold", expires_after="PT2H")), hurried)
    send_due(now=WEDNESDAY, limit=100)
    third = {message.customer: message for message in Message.objects.filter(cause__step="three")}
    assert (third[skips].state, third[skips].reason) == ("withheld", "capped")
    assert (third[holds].state, third[holds].is_held) == ("queued", True)
    for hours in (12, 21, 22):
        send_due(now=later(hours=hours), limit=100)
    assert phone_of(holds) == ["one", "two", "three"]
    assert phone_of(hurried) == ["one", "two"]
    third[hurried].refresh_from_db()
    assert third[hurried].state == "withheld"


def test_quiet_hours_hold_a_message_until_they_end_while_it_is_of_use() -> None:
    patient, hurried = CustomerFactory.create_batch(2)
    night = later(hours=11)  # 23:00
    for one, expires in ((patient, "PT24H"), (hurried, "PT4H")):
        opt_in(one, "promotions")
        enter(live_flow(promote(expires_after=expires)), one, at=night)
    send_due(now=night, limit=100)
    assert phone_of(patient) == phone_of(hurried) == []
    for hours in (16, 21):
        send_due(now=later(hours=hours), limit=100)
    assert (phone_of(patient), phone_of(hurried)) == (["sale"], [])
    assert Message.objects.get(customer=hurried).state == "withheld"


def test_who_is_not_reachable_or_opted_out_is_passed_over_with_a_reason_and_the_flow_goes_on() -> None:
    nowhere, opted_out = CustomerFactory.create(phone=""), CustomerFactory.create()
    consents.record_consents(opted_out, {"sms": {"after_sales": "out"}}, via="keyword", now=later(hours=-1))
    enter(live_flow(send(), wait()), nowhere, opted_out)
    send_due(now=WEDNESDAY, limit=100)
    reasons = {message.customer: (message.state, message.reason) for message in Message.objects.all()}
    assert reasons == {nowhere: ("withheld", "unreachable"), opted_out: ("withheld", "opted_out")}
    assert [run_of(one).step for one in (nowhere, opted_out)] == ["pause", "pause"]


def test_who_is_not_reachable_leaves_there_where_the_step_says_so() -> None:
    nowhere, opted_out, later_gone = CustomerFactory.create(phone=""), *CustomerFactory.create_batch(2)
    consents.record_consents(opted_out, {"sms": {"after_sales": "out"}}, via="keyword", now=later(hours=-1))
    steps = (send(if_unreachable="exit"), {"id": "asked", "type": "tag", "add": ["asked"]}, wait())
    enter(live_flow(*steps), nowhere, opted_out, later_gone)
    consents.record_consents(later_gone, {"sms": {"after_sales": "out"}}, via="keyword", now=later(minutes=1))
    send_due(now=later(minutes=2), limit=100)
    assert [(run_of(one).state, run_of(one).reason) for one in (nowhere, opted_out, later_gone)] == [
        ("exited", "not reachable"), ("exited", "not reachable"), ("exited", "not reachable"),
    ]  # fmt: skip
    reasons = {message.customer: message.reason for message in Message.objects.all()}
    assert reasons == {nowhere: "unreachable", opted_out: "opted_out", later_gone: "opted_out"}
    assert [list(one.tags.values_list("name", flat=True)) for one in (nowhere, opted_out, later_gone)] == [
        [], [], ["asked"],
    ]  # fmt: skip


# --- facts that say nothing -------------------------------------------------------------------


def test_an_unrelated_event_touches_nothing(customer: Customer) -> None:
    enter(live_flow(answer(), exits=[{"event": "Order Refunded"}]), customer)
    before = Enrolment.objects.values().get()
    happens(customer, "Page Viewed", later(hours=1))
    happens(CustomerFactory.create(), "Product Reviewed", later(hours=1))
    assert Enrolment.objects.values().get() == before


def test_a_duplicate_event_makes_no_second_entry_and_no_second_move(customer: Customer) -> None:
    live_flow(wait(), trigger=CART, reentry={"policy": "always"})
    draft = told(customer, "Checkout Started", WEDNESDAY)
    log.record_many([draft], now=WEDNESDAY)
    made = customer.stage_moves.count()
    for minutes in range(3):
        log.record_many([draft], now=later(minutes=minutes))
    assert Enrolment.objects.filter(customer=customer).count() == 1
    assert customer.stage_moves.count() == made > 0


def test_a_late_event_re_evaluates_what_is_ahead_and_never_resurrects_a_path_already_left(customer: Customer) -> None:
    gold = {"purchases": {"count": {"gte": 1}}}
    which = {"id": "which", "type": "branch", "paths": [{"name": "buyer", "if": gold, "steps": [send("gold")]}]}
    flow = live_flow(which | {"else": [send("plain")]}, wait(), which | {
        "id": "again", "paths": [{"name": "buyer", "if": {"tag": "late"}, "steps": [send("thanks")]}], "else": [],
    })  # fmt: skip
    enter(flow, customer)
    add_tags(customer, ["late"])
    happens(customer, "Order Completed", later(days=-1), known=later(hours=5), order_id="A")
    tick(later(days=1))
    assert written(customer) == ["plain", "thanks"]
    # And when all is over, nothing begins anew.
    happens(customer, "Product Reviewed", later(hours=1), known=later(days=2))
    assert run_of(customer).state == "completed"


# --- coming again -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reentry", "entries"),
    [
        ({"policy": "once"}, 1),
        ({"policy": "after_exit"}, 3),
        ({"policy": "cooldown", "cooldown": "P7D"}, 2),
        ({"policy": "always"}, 5),
    ],
)
def test_re_entry_is_once_after_exit_after_a_cooldown_or_always(
    customer: Customer, reentry: dict[str, Any], entries: int
) -> None:
    live_flow(wait(), trigger=CART, reentry=reentry, exits=[{"event": "Order Completed"}])
    for number, name in enumerate(["Checkout Started", "Checkout Started", "Order Completed"] * 2):
        happens(customer, name, later(days=2 * number))
    happens(customer, "Checkout Started", later(days=12))
    assert Enrolment.objects.filter(customer=customer).count() == entries


def test_a_key_lets_one_customer_run_several_at_a_time_each_with_its_own_context(customer: Customer) -> None:
    live_flow(wait(), send(body="Order {{ event.order_id }}"), trigger=PAID, reentry={
        "policy": "once", "key": "properties.order_id",
    })  # fmt: skip
    for order in ("A", "B", "A"):
        happens(customer, "Order Paid", WEDNESDAY, order_id=order)
    assert Enrolment.objects.active().count() == 2
    tick(later(days=1))
    send_due(now=later(days=1), limit=100)
    assert sorted(phone_of(customer)) == ["Order A", "Order B"]


# --- editing, pausing, holding out ------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "impact", "stands"),
    [
        (PeopleInside.PIN, {"pause": {"stays": 2}}, [1, 1]),
        (PeopleInside.FOLLOW, {"pause": {"waits": 2}}, [2, 2]),
        (PeopleInside.DRAIN, {"pause": {"leaves": 2}}, []),
    ],
)
def test_the_publisher_chooses_what_becomes_of_people_inside_and_what_happens_equals_the_preview(
    choice: PeopleInside, impact: dict[str, Any], stands: list[int]
) -> None:
    flow = live_flow(wait())
    enter(flow, *CustomerFactory.create_batch(2))
    flow.draft = {"trigger": {"manual": True}, "steps": [wait(for_="P3D")]}
    flow.save()
    assert people.preview(flow, flow.draft, choice, now=later(hours=2)).as_json() == impact
    version = versions.publish(flow, actor=None, now=later(hours=2), people_inside=choice)
    assert version.impact == impact
    assert list(Enrolment.objects.active().values_list("version__number", flat=True)) == stands


def test_in_a_pause_people_stay_where_they_are_and_resuming_lets_staff_skip_and_spread_the_backlog() -> None:
    flow, everybody = live_flow(wait(), send()), CustomerFactory.create_batch(4)
    for number, one in enumerate(everybody):
        come(flow, one, at=later(days=number))
    versions.pause(flow, now=later(days=3))
    tick(later(days=9))
    assert not Message.objects.exists()
    versions.resume(flow, now=later(days=9), skip_older_than=timedelta(days=7, hours=1), per_minute=2)
    tick(later(days=9))
    assert run_of(everybody[0]).reason == "too old after a pause"
    assert [written(one) for one in everybody] == [[], ["hi"], ["hi"], []]
    tick(later(days=9, minutes=1))
    assert written(everybody[3]) == ["hi"]


def test_a_holdout_is_sticky_recorded_measured_and_never_messaged_by_the_flow() -> None:
    flow = live_flow(send(), holdout=50, goal={"event": "Order Paid"}, trigger=CART, reentry={"policy": "always"})
    everybody = CustomerFactory.create_batch(20)
    for at in (0, 1):
        for one in everybody:
            happens(one, "Checkout Started", later(days=at))
    tick(later(days=1))
    held = set(Enrolment.objects.filter(state="held_out").values_list("customer", flat=True))
    assert 0 < len(held) < 20
    assert Enrolment.objects.filter(customer__in=held, flow=flow).count() == 2 * len(held)
    assert not Message.objects.filter(customer__in=held).exists()
    happens(Customer.objects.get(pk=min(held)), "Order Paid", later(days=2))
    assert Enrolment.objects.filter(customer=min(held), goal_at=later(days=2)).count() == 2


# --- people, records, history -----------------------------------------------------------------


def test_runs_of_merged_customers_move_with_the_survivor_and_of_two_the_older_stays() -> None:
    survivor, loser = CustomerFactory.create_batch(2)
    both, only = live_flow(wait()), live_flow(wait())
    enter(both, loser)
    enter(both, survivor, at=later(hours=1))
    enter(only, loser, at=later(hours=1))
    merges.merge_customers(survivor=survivor, loser=loser, reason="same person", actor=None, now=later(hours=2))
    active = Enrolment.objects.active().filter(customer=survivor).order_by("pk")
    assert [(run.flow, run.entered_at) for run in active] == [(both, WEDNESDAY), (only, later(hours=1))]


def test_runs_of_an_erased_customer_end(customer: Customer) -> None:
    enter(live_flow(wait(), send()), customer)
    Customer.objects.filter(pk=customer.pk).update(erased_at=later(hours=1))
    tick(later(days=1))
    assert (run_of(customer).state, run_of(customer).reason, written(customer)) == ("exited", "erased", [])


def test_a_flow_takes_in_from_now_on_and_on_request_those_whose_trigger_holds_already() -> None:
    before, after = CustomerFactory.create_batch(2)
    happens(before, "Checkout Started", later(days=-2))
    flow = live_flow(wait(), trigger=CART)
    happens(after, "Checkout Started", later(hours=1))
    tick(later(hours=1))
    assert list(Enrolment.objects.values_list("customer", flat=True)) == [after.pk]
    versions.publish(flow, actor=None, now=later(hours=2), backfill=True)
    tick(later(hours=2))
    assert set(Enrolment.objects.values_list("customer", flat=True)) == {before.pk, after.pk}


def test_entered_is_always_the_sum_of_under_way_completed_left_failed_and_held_out() -> None:
    flow = live_flow(answer(), holdout=20, exits=[{"event": "Order Refunded"}])
    everybody = CustomerFactory.create_batch(12)
    enter(flow, *everybody)
    for one in everybody[:3]:
        happens(one, "Order Refunded", later(days=1))
    for one in everybody[3:6]:
        happens(one, "Product Reviewed", later(days=1))
    runner.run_due(now=later(days=1), limit=100)
    count = counters.flow_counts([flow])[flow.pk]
    assert count.entered == 12
    steps = counters.step_counts(flow)
    assert steps["answer"].entered == 12 - count.held_out
    assert steps["thank"].entered == steps["answer"].outcomes["heard"] == count.completed
