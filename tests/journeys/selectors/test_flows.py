import pytest

from crm.models import Topic, User
from journeys.models import Enrolment, StepVisit
from journeys.selectors import flows
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later
from tests.factories.journeys import PAUSE, EnrolmentFactory, live_flow

pytestmark = pytest.mark.django_db
ASK = {"id": "ask", "type": "send", "channel": "sms", "body": "Hello", "topic": "after_sales"}


def ended(flow, state: str, **fields):  # type: ignore[no-untyped-def]
    return EnrolmentFactory(flow=flow, state=state, stand="", due_at=None, ended_at=NOON, step="pause", **fields)


def message(step: str, state: str, reason: str = "", flow: str = "") -> None:
    n = Message.objects.count()
    topic = Topic.objects.get(slug="after_sales")
    Message.objects.create(
        dedupe_key=f"m{n}", customer=CustomerFactory(), channel="sms", topic=topic, lane=0, state=state, reason=reason,
        cause={"kind": "flow", "flow": flow, "step": step}, queued_at=NOON, planned_at=NOON, due_at=NOON,
    )  # fmt: skip


def test_entered_is_the_sum_of_what_became_of_everybody() -> None:
    flow, other = live_flow(PAUSE), live_flow(PAUSE)
    EnrolmentFactory(flow=flow)
    ended(flow, Enrolment.State.COMPLETED, goal_at=NOON)
    ended(flow, Enrolment.State.EXITED)
    ended(flow, Enrolment.State.HELD_OUT, goal_at=NOON)  # only watched: it is not the flow's doing
    ended(flow, Enrolment.State.FAILED)
    counts = flows.flow_counts([flow, other])
    count = counts[flow.pk]
    assert (count.active, count.completed, count.exited, count.held_out, count.failed) == (1, 1, 1, 1, 1)
    assert (count.entered, count.goals, count.goal_share) == (5, 1, 25)
    assert (counts[other.pk].entered, counts[other.pk].goal_share) == (0, 0)


def test_a_steps_card_counts_who_came_who_waits_and_what_became_of_its_messages() -> None:
    flow = live_flow(PAUSE, ASK)
    run = EnrolmentFactory(flow=flow, step="pause")
    gone = ended(flow, Enrolment.State.COMPLETED)
    for step, outcome in (("pause", "waited"), ("ask", "queued")):
        StepVisit.objects.create(
            enrolment=gone, flow=flow, step=step, outcome=outcome, arrived_at=NOON, left_at=later(days=1)
        )
    for state, reason in (
        ("delivered", ""), ("sent", ""), ("withheld", "capped"), ("withheld", "capped"), ("withheld", "no_consent"),
        ("failed", "refused"), ("unknown", ""), ("queued", "quiet_hours"), ("cancelled", ""),
    ):  # fmt: skip
        message("ask", state, reason, flow.slug)
    message("ask", "sent", "", "another-flow")
    steps = flows.step_counts(flow)
    assert run.step == "pause"
    assert (steps["pause"].entered, steps["pause"].waiting, steps["pause"].outcomes) == (2, 1, {"waited": 1})
    ask = steps["ask"]
    assert (ask.entered, ask.sent, ask.delivered, ask.failed_messages, ask.unclear, ask.on_the_way) == (
        1,
        2,
        1,
        1,
        1,
        1,
    )
    assert [(why.n, why.reason) for why in ask.withheld] == [(2, "capped"), (1, "no_consent")]


def test_a_steps_card_counts_who_took_it_and_reached_the_goal_then_or_later() -> None:
    flow = live_flow(PAUSE, ASK)
    for reached in (later(days=3), later(days=2), later(hours=1), None):
        gone = ended(flow, Enrolment.State.COMPLETED, goal_at=reached)
        for step, visit, arrived in (("pause", 1, NOON), ("ask", 1, later(days=2)), ("ask", 2, later(days=2))):
            StepVisit.objects.create(
                enrolment=gone, flow=flow, step=step, visit=visit, outcome="queued", arrived_at=arrived,
                left_at=later(days=2, seconds=5),
            )  # fmt: skip
    assert {step: count.converted for step, count in flows.step_counts(flow).items()} == {"pause": 3, "ask": 2}


def test_a_step_that_the_goal_itself_interrupted_did_not_lead_to_it() -> None:
    flow = live_flow(PAUSE, ASK)
    gone = ended(flow, Enrolment.State.EXITED, goal_at=later(hours=1))
    StepVisit.objects.create(
        enrolment=gone, flow=flow, step="pause", outcome="left", arrived_at=NOON, left_at=later(hours=1)
    )
    assert flows.step_counts(flow)["pause"].converted == 0
    assert not flows.runs_at(Enrolment.objects.all(), step="pause", at="converted").exists()


def test_runs_are_those_of_customers_one_may_see() -> None:
    flow = live_flow(PAUSE)
    EnrolmentFactory(flow=flow)
    assert flows.runs(flow, UserFactory(role=User.Role.MANAGER)).count() == 1


def test_a_customers_runs_come_with_those_under_way_first_and_are_read_once(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    customer = CustomerFactory()
    done = ended(live_flow(PAUSE), Enrolment.State.COMPLETED, customer=customer, entered_at=later(days=3))
    active = EnrolmentFactory(flow=live_flow(PAUSE), customer=customer, entered_at=NOON)
    with django_assert_num_queries(1):
        assert flows.runs_of(customer) == [active, done]
        assert flows.runs_of(customer) == [active, done]
