"""What came of a flow, asked over the API: the numbers of its page, narrowed as there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Segment, SegmentMember, Touchpoint, User
from crm.services import touchpoints
from journeys.flows import enrolment, versions
from journeys.models import Flow
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, TouchpointFactory, UserFactory
from tests.factories.journeys import PAUSE
from tests.journeys.views.test_results import lived

pytestmark = pytest.mark.django_db
ALONE = [
    {}, {"days": "all"}, {"days": "30"}, {"days": "365"}, {"days": "7"}, {"segment": "some"}, {"touchpoint": "flyer"},
    {"touchpoint": "flyer", "touch": "any"}, {"version": "1"}, {"version": "2"},
]  # fmt: skip
TOGETHER = {"segment": "some", "touchpoint": "flyer", "touch": "any", "days": "30", "version": "1"}


@pytest.fixture
def flow() -> Flow:
    """Thirty entered version 1 ten days ago, six version 2 forty days ago; some are in a segment, some had a flyer."""
    now = timezone.now()
    found, people = lived()
    segment = Segment.objects.create(slug="some", name="Some", rule={})
    SegmentMember.objects.bulk_create([SegmentMember(segment=segment, customer=one, since=now) for one in people[:15]])
    flyer: Touchpoint = TouchpointFactory.create(code="flyer")
    poster: Touchpoint = TouchpointFactory.create(code="poster")
    for one in people[5:20]:
        if one.pk % 3 == 0:
            touchpoints.record_visit(poster, now=now - timedelta(days=30), customer=one, user_agent="Mozilla/5.0")
        touchpoints.record_visit(flyer, now=now - timedelta(days=20), customer=one, user_agent="Mozilla/5.0")
    Flow.objects.update(draft={"trigger": {"manual": True}, "steps": [PAUSE]})
    found.refresh_from_db()
    versions.publish(found, actor=None, now=now)
    found.refresh_from_db()
    enrolment.enrol_by_hand(found, CustomerFactory.create_batch(6), now=now - timedelta(days=40))
    return found


@pytest.fixture
def manager() -> Client:
    client = Client()
    client.force_login(UserFactory.create(role=User.Role.MANAGER))
    return client


def as_on_the_page(client: Client, flow: Flow, query: dict[str, str]) -> dict[str, Any]:
    """The page's numbers, in the words of the API."""
    context = client.get(f"/journeys/flows/{flow.slug}/results/", query).context
    outcome = context["outcome"]
    pair = lambda group: (group.people, group.converted)  # noqa: E731 - short, and of this function only
    return {
        "entered": outcome.entered,
        "goals": outcome.treated.converted,
        "held_out": outcome.held_out.people,
        "conversion": pair(outcome.treated),
        "held_out_by": (pair(outcome.own), pair(outcome.control)),
        "periods": [(f"{span.first}", f"{span.last}", *pair(span.group)) for span, *_urls in context["spans"]],
        "paths": [pair(path["group"]) for path in context["paths"]],
        "messages": [(row["row"].step, row["row"].written, row["row"].fates) for row in context["letters"]],
        "versions": [(number, *pair(group)) for number, group, *_urls in context["versions"]],
        "exits": {reason: n for reason, n, _url in context["endings"]},
    }


def as_answered(body: dict[str, Any]) -> dict[str, Any]:
    pair = lambda group: (group["people"], group["converted"])  # noqa: E731
    fates = ("on_the_way", "sent", "delivered", "clicked", "failed", "unclear", "withheld", "cancelled")
    return {
        **{name: body[name] for name in ("entered", "goals", "held_out", "exits")},
        "conversion": pair(body["conversion"]),
        "held_out_by": (pair(body["held_out_by"]["flow"]), pair(body["held_out_by"]["control_group"])),
        "periods": [(span["first"], span["last"], *pair(span["group"])) for span in body["periods"]],
        "paths": [pair(path["group"]) for path in body["paths"]],
        "messages": [(row["step"], row["written"], {fate: row[fate] for fate in fates}) for row in body["messages"]],
        "versions": [(row["version"], *pair(row["group"])) for row in body["versions"]],
    }


def test_each_filter_leaves_the_numbers_of_the_page(api: Program, manager: Client, flow: Flow) -> None:
    today = timezone.localdate()
    days = {"from": f"{today - timedelta(days=41)}", "to": f"{today - timedelta(days=20)}"}
    entered = {}
    for query in (*ALONE, TOGETHER, days, {"from": days["from"]}, {"to": days["to"]}):
        body = api.get(f"flows/{flow.slug}/results/?{urlencode(query)}").json()
        assert as_answered(body) == as_on_the_page(manager, flow, query), query
        assert body["entered"] == sum(
            body[state] for state in ("active", "completed", "exited", "failed", "held_out")
        ), query  # fmt: skip
        entered[urlencode(query)] = body["entered"]
    assert (entered[""], entered["days=30"], entered["days=7"]) == (36, 30, 0)
    assert (entered["version=1"], entered["version=2"], entered[urlencode(days)]) == (30, 6, 6)
    assert (entered["segment=some"], entered["touchpoint=flyer"], entered["touchpoint=flyer&touch=any"]) == (15, 10, 15)
    assert entered[urlencode(TOGETHER)] == 10


def test_the_steps_counters_are_of_the_same_runs(api: Program, flow: Flow) -> None:
    everything = api.get(f"flows/{flow.slug}/results/").json()
    first = api.get(f"flows/{flow.slug}/results/?version=1").json()
    second = api.get(f"flows/{flow.slug}/results/?version=2").json()
    assert second["steps"].keys() == {"pause"}
    assert second["steps"]["pause"]["waiting"] == second["active"] > 0
    for number in ("entered", "waiting"):
        counted = [answer["steps"]["pause"][number] for answer in (everything, first, second)]
        assert counted[0] == counted[1] + counted[2]
    letters = sum(row["withheld"] for row in first["messages"])
    assert sum(first["steps"]["ask"]["withheld"].values()) == letters > 0


@pytest.mark.parametrize(
    ("query", "at", "code"),
    [
        ("segment=gone", "segment", "invalid_choice"),
        ("touchpoint=gone", "touchpoint", "invalid_choice"),
        ("touch=twice", "touch", "invalid_choice"),
        ("days=31", "days", "invalid_choice"),
        ("days=-1", "days", "invalid_choice"),
        ("from=yesterday", "from", "invalid_choice"),
        ("to=2026-02-30", "to", "invalid_choice"),
        ("from=2026-03-03&to=2026-03-02", "to", "invalid_choice"),
        ("from=9999-12-31", "from", "invalid_choice"),
        ("version=9", "version", "invalid_choice"),
        ("version=one", "version", "invalid_choice"),
        ("version=%C2%B2", "version", "invalid_choice"),
        ("fields=moon", "fields", "unknown_field"),
    ],
)
def test_a_wrong_value_is_named(api: Program, flow: Flow, query: str, at: str, code: str) -> None:
    response = api.get(f"flows/{flow.slug}/results/?{query}")
    assert (response.status_code, faults(response)) == (400, [(at, code)])
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_parameter_nobody_knows_is_refused_and_other_calls_take_none_of_these(api: Program, flow: Flow) -> None:
    assert api.get(f"flows/{flow.slug}/results/?segmnet=some").json()["code"] == "unknown_parameter"
    assert api.get(f"flows/{flow.slug}/?segment=some").json()["code"] == "unknown_parameter"
