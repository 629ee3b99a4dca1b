import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Customer, Segment, SegmentMember, Shop, User
from journeys.flows import enrolment, runner
from journeys.models import Enrolment, Flow
from messaging.models import Message
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import PAUSE, FlowFactory, live_flow
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db

ASK = {"id": "ask", "type": "send", "channel": "sms", "body": "Hello", "topic": "after_sales"}
FORK = {
    "id": "fork", "type": "split",
    "paths": [{"name": "Soon", "weight": 1, "steps": []}, {"name": "Late", "weight": 1, "steps": [ASK]}],
}  # fmt: skip
GOAL = {"event": "Order Completed", "within": "P30D"}


def lived() -> tuple[Flow, list[Customer]]:
    """A flow that thirty people entered ten days ago; some bought, some were held out, some wait."""
    Shop.current()
    Shop.objects.update(control_group=20)
    now = timezone.now()
    entered = {"holdout": 30, "goal": GOAL, "exits": [{"event": "Order Refunded"}]}
    flow = live_flow(FORK, {**PAUSE, "for": "P20D"}, named={"slug": "one"}, **entered)
    # Lots are drawn by these and the slug.
    people = [CustomerFactory(pk=70_000 + number, public_id=UUID(int=number)) for number in range(30)]
    enrolment.enrol_by_hand(flow, people, now=now - timedelta(days=10))
    runner.run_due(now=now - timedelta(days=10), limit=100)
    for one in people[:12]:
        happens(one, "Order Completed", now - timedelta(days=5))
    for one in people[12:15]:
        happens(one, "Order Refunded", now - timedelta(days=4))
    Message.objects.filter(pk__in=Message.objects.values("pk")[:3]).update(state="delivered")
    Message.objects.filter(state="queued").update(state="withheld", reason="capped")
    return flow, people


def behind(client: Client, url: str) -> int:
    response = client.get(url)
    assert response.status_code == 200, url
    assert len(response.context["page"].rows) == response.context["total"]
    return response.context["total"]  # type: ignore[no-any-return]


def test_every_number_is_as_long_as_its_list(manager: Client) -> None:
    flow, _people = lived()
    context = manager.get(f"/journeys/flows/{flow.slug}/results/").context
    outcome = context["outcome"]
    assert outcome.entered == 30 == behind(manager, context["links"]["entered"])
    assert outcome.treated.people == behind(manager, context["links"]["treated"])
    assert outcome.treated.converted == behind(manager, context["links"]["goals"])
    assert len(context["groups"]) == 3
    rated = [row[-3:] for row in (*context["groups"], *context["versions"])]
    rated += [(span.group, url, goal_url) for span, url, goal_url in context["spans"]]
    rated += [(path["group"], path["url"], path["goal_url"]) for path in context["paths"]]
    assert len(rated) >= 7
    for group, url, goal_url in rated:
        assert (behind(manager, url), behind(manager, goal_url)) == (group.people, group.converted), url
    assert [reason for reason, *_rest in context["endings"]] == ["goal reached", "Order Refunded"]
    for _reason, n, url in context["endings"]:
        assert behind(manager, url) == n
    (message,) = context["letters"]
    assert behind(manager, message["all"]) == message["row"].written
    for n, url in message["fates"].values():
        assert behind(manager, url) == n
    for _reason, n, url in message["withheld"]:
        assert behind(manager, url) == n


def test_so_is_every_number_on_the_cards_of_the_flow(manager: Client) -> None:
    flow, _people = lived()
    html = manager.get(f"/journeys/flows/{flow.slug}/").content.decode()
    cards = re.findall(r'<a href="([^"]*/results/behind/[^"]*)"><b>(\d+)</b>', html)
    assert len(cards) >= 6
    for url, n in cards:
        assert behind(manager, unescape(url)) == int(n), url


def test_a_period_or_a_segment_narrows_the_report_and_its_lists(manager: Client) -> None:
    flow, people = lived()
    address = f"/journeys/flows/{flow.slug}/results/"
    assert manager.get(f"{address}?days=7").context["outcome"].entered == 0
    assert "Nobody has entered the flow in this time" in manager.get(f"{address}?days=7").content.decode()
    for days in ("30", "90", "all"):
        context = manager.get(f"{address}?days={days}").context
        assert sum(span.group.people for span, *_urls in context["spans"]) == context["outcome"].treated.people
        for span, url, _goal_url in context["spans"]:
            assert behind(manager, url) == span.group.people
    segment = Segment.objects.create(slug="few", name="Few")
    for one in people[:4]:
        SegmentMember.objects.create(segment=segment, customer=one, since=timezone.now())
    few = manager.get(f"{address}?segment=few").context
    assert few["outcome"].entered == 4 == behind(manager, few["links"]["entered"])
    assert manager.get(f"{address}?version=1").context["outcome"].entered == 30


def test_a_flow_without_a_goal_says_that_nothing_tells_its_worth(manager: Client) -> None:
    flow = live_flow(PAUSE)
    enrolment.enrol_by_hand(flow, [CustomerFactory()], now=timezone.now())
    page = manager.get(f"/journeys/flows/{flow.slug}/results/").content.decode()
    assert "This flow has no goal" in page
    assert "Nobody was held out" not in page
    assert "Reached the goal" not in page
    assert "By version" in page


@pytest.mark.parametrize(
    ("table", "head"),
    [
        ("time", "Entered,Runs,Reached the goal,"), ("groups", "Who,Runs,"), ("paths", "Path,Runs,"),
        ("versions", "Version,Runs,"), ("endings", "Left early because,Runs"), ("messages", "Step,Channel,Written,"),
    ],
)  # fmt: skip
def test_each_table_can_be_taken_away(manager: Client, table: str, head: str) -> None:
    flow, _people = lived()
    answer = manager.get(f"/journeys/flows/{flow.slug}/results/?as=csv&table={table}")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith(head)
    assert len(lines) > 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?as=csv&table=lost", 404), ("?version=9", 400), ("?days=x", 400), ("behind/?state=x", 400),
        ("behind/?held=x", 400), ("behind/?step=a&at=x", 400), ("behind/?of=messages&fate=x", 400),
        ("behind/?of=messages&channel=x", 400), ("behind/?step=gone&outcome=x", 200), ("behind/?page=x", 400),
    ],
)  # fmt: skip
def test_an_address_that_says_nothing_is_refused(manager: Client, query: str, status: int) -> None:
    flow = live_flow(PAUSE)
    assert manager.get(f"/journeys/flows/{flow.slug}/results/{query}").status_code == status


def test_a_draft_has_no_results_yet(manager: Client) -> None:
    flow = FlowFactory()
    assert "Nobody has entered" in manager.get(f"/journeys/flows/{flow.slug}/results/").content.decode()
    assert manager.get("/journeys/flows/lost/results/").status_code == 404


def test_results_are_for_who_may_see_flows(sign_in: SignIn) -> None:
    flow = live_flow(PAUSE)
    assert sign_in(User.Role.SUPPORT).get(f"/journeys/flows/{flow.slug}/results/").status_code == 403
    assert sign_in(User.Role.SUPPORT).get(f"/journeys/flows/{flow.slug}/results/behind/").status_code == 403
    page = sign_in(User.Role.VIEWER).get(f"/journeys/flows/{flow.slug}/").content.decode()
    assert f"/journeys/flows/{flow.slug}/results/" in page


def test_the_api_says_the_same_as_the_page(manager: Client, django_assert_max_num_queries: Any) -> None:
    flow, _people = lived()
    with django_assert_max_num_queries(40):
        context = manager.get(f"/journeys/flows/{flow.slug}/results/").context
    said = manager.get(f"/api/v1/flows/{flow.slug}/results/").json()
    outcome = context["outcome"]
    assert said["conversion"]["people"] == outcome.treated.people
    assert said["conversion"]["interval"] == list(outcome.treated.wilson())
    assert said["held_out_by"]["flow"]["people"] == outcome.own.people
    assert said["held_out_by"]["control_group"]["people"] == outcome.control.people
    assert said["lift"]["difference"] == outcome.lift.difference
    assert said["exits"] == {reason: n for reason, n, _url in context["endings"]}
    assert [(row["step"], row["path"], row["group"]["people"]) for row in said["paths"]] == [
        ("fork", row["name"], row["group"].people) for row in context["paths"]
    ]
    assert said["messages"][0]["withheld_for"] == {"capped": said["messages"][0]["withheld"]}
    assert [row["version"] for row in said["versions"]] == [1]
    assert sum(row["group"]["people"] for row in said["periods"]) == outcome.treated.people
    assert said["held_out"] == Enrolment.objects.filter(state="held_out").count()
