"""Flows over the API: drafts, publishing, people in and what came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from journeys.flows import history, intake
from journeys.flows.definition import MAX_NESTING
from journeys.models import DraftEdit, Enrolment, Flow
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.journeys import PAUSE, EnrolmentFactory, FlowFactory, live_flow
from tests.journeys.flows.worlds import send
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db

DRAFT: dict[str, Any] = {"trigger": {"event": "Order Delivered"}, "steps": [PAUSE, send("ask")]}
GIVEN = {"slug": "review-request", "name": "Review request", "definition": DRAFT}


def signed_in(api: Program, role: str) -> Any:
    api.client.force_login(UserFactory.create(role=role))
    return lambda path, body: api.client.post(f"/api/v1/{path}", body, content_type="application/json")


# --- Drafts ---------------------------------------------------------------------------------------


def test_flows_are_listed_and_shown_as_staff_edit_them(api: Program) -> None:
    draft, live = FlowFactory.create(name="Ask again"), live_flow(PAUSE)

    row = api.get(f"flows/{live.slug}/").json()

    assert (row["state"], row["version"], row["definition"], row["faults"]) == ("live", 1, live.draft, [])
    del row["faults"]
    assert row in api.get("flows/?state=live").json()["results"]
    assert [found["slug"] for found in api.get("flows/?search=again").json()["results"]] == [draft.slug]
    assert api.get(f"flows/{draft.slug}/").json()["version"] is None


def test_a_draft_is_stored_and_says_that_it_could_be_published(api: Program) -> None:
    response = api.post("flows/", GIVEN)

    assert response.status_code == 201
    body = response.json()
    assert (body["slug"], body["state"], body["version"], body["faults"]) == ("review-request", "draft", None, [])
    assert Flow.objects.get(slug="review-request").draft == DRAFT


def test_a_draft_with_faults_is_stored_with_each_named(api: Program) -> None:
    broken = {"trigger": {"event": "Order Delivered"}, "steps": [{**send("ask"), "topic": "gossip"}]}

    body = api.post("flows/", {**GIVEN, "definition": broken}).json()

    assert [(fault["path"], fault["step"]) for fault in body["faults"]] == [("steps[0].topic", "ask")]
    refused = api.post("flows/review-request/publish/", {})
    assert refused.status_code == 400
    assert faults(refused) == [("/definition/steps/0/topic", "invalid_definition")]
    assert Flow.objects.get().state == "draft"


def test_a_slug_is_taken_once(api: Program) -> None:
    api.post("flows/", GIVEN)

    again = api.post("flows/", GIVEN)

    assert (again.status_code, faults(again)) == (409, [("/slug", "conflict")])


@pytest.mark.parametrize("slug", ["new", "simulate", "backtest"])
def test_a_slug_that_is_the_address_of_a_page_or_call_is_refused(api: Program, slug: str) -> None:
    refused = api.post("flows/", {**GIVEN, "slug": slug})

    assert (refused.status_code, faults(refused)) == (400, [("/slug", "reserved")])
    assert not Flow.objects.exists()


def test_what_a_program_changed_can_be_undone_in_the_builder(api: Program) -> None:
    flow = FlowFactory.create()
    before = flow.draft

    api.patch(f"flows/{flow.slug}/", {"definition": DRAFT})
    api.patch(f"flows/{flow.slug}/", {"name": "Renamed"})
    api.put(f"flows/{flow.slug}/", {"name": "Whole", "definition": {"steps": []}})

    edits = list(DraftEdit.objects.filter(flow=flow).values_list("number", "definition", "is_current"))
    assert edits == [(1, before, False), (2, DRAFT, False), (3, {"steps": []}, True)]
    assert history.undo(flow, now=NOON).draft == DRAFT
    assert Flow.objects.get().name == "Whole"


def test_a_draft_is_changed_in_part_or_as_a_whole_and_what_is_live_stays(api: Program) -> None:
    flow = live_flow(PAUSE)

    changed = api.patch(f"flows/{flow.slug}/", {"name": "Renamed", "definition": DRAFT}).json()
    replaced = api.put(f"flows/{flow.slug}/", {"name": "Whole", "definition": {"steps": []}}).json()

    assert (changed["name"], changed["definition"], changed["version"]) == ("Renamed", DRAFT, 1)
    assert (replaced["name"], replaced["state"], replaced["version"]) == ("Whole", "live", 1)
    assert replaced["faults"]
    assert flow.versions.get().definition == flow.draft
    assert faults(api.put(f"flows/{flow.slug}/", {"name": "No definition"})) == [("/definition", "required")]
    assert api.patch("flows/nowhere/", {"name": "x"}).status_code == 404


def test_an_archived_flow_is_left_as_it_is(api: Program) -> None:
    flow = FlowFactory.create(state=Flow.State.ARCHIVED)

    assert api.patch(f"flows/{flow.slug}/", {"name": "x"}).status_code == 409
    assert api.post(f"flows/{flow.slug}/publish/", {}).status_code == 409


def test_a_definition_is_checked_without_being_stored(api: Program) -> None:
    flow = FlowFactory.create()

    own = api.post(f"flows/{flow.slug}/validate/", {}).json()
    other = api.post(f"flows/{flow.slug}/validate/", {"definition": {"steps": [PAUSE]}}).json()

    assert own == {"faults": [], "warnings": []}
    assert "trigger" in [fault["path"] for fault in other["faults"]]
    flow.refresh_from_db()
    assert flow.draft["trigger"] == {"manual": True}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"slug": "Has Blanks"}, "/slug"),
        ({"slug": ""}, "/slug"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"definition": "text"}, "/definition"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_no_flow_can_be_called_is_named(api: Program, change: dict[str, Any], place: str) -> None:
    response = api.post("flows/", {**GIVEN, **change})

    assert response.status_code == 400
    assert [at for at, _ in faults(response)] == [place]


# --- Live -----------------------------------------------------------------------------------------


def test_a_flow_is_published_paused_and_goes_on(api: Program) -> None:
    api.post("flows/", GIVEN)

    live = api.post("flows/review-request/publish/", {"people_inside": "pin", "backfill": "none"}).json()
    paused = api.post("flows/review-request/pause/").json()
    again = api.post("flows/review-request/pause/")
    resumed = api.post("flows/review-request/resume/", {}).json()

    assert [(flow["state"], flow["version"]) for flow in (live, paused, resumed)] == [
        ("live", 1), ("paused", 1), ("live", 1),
    ]  # fmt: skip
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_what_publishing_does_to_the_people_inside_equals_the_preview(api: Program) -> None:
    flow = live_flow({"id": "settle", "type": "wait", "for": "P2D"}, send("ask"))
    for _ in range(3):
        EnrolmentFactory.create(
            flow=flow, stand="time", step="settle", arrived_at=timezone.now(), due_at=timezone.now() + timedelta(days=2)
        )
    shorter = {"trigger": {"manual": True}, "steps": [{"id": "settle", "type": "wait", "for": "P1D"}, send("ask")]}

    preview = api.post(f"flows/{flow.slug}/impact/", {"definition": shorter}).json()
    api.patch(f"flows/{flow.slug}/", {"definition": shorter})
    published = api.post(f"flows/{flow.slug}/publish/", {"people_inside": "follow"}).json()

    assert preview["people_inside"] == {
        "pin": {"settle": {"stays": 3}}, "follow": {"settle": {"waits": 3}}, "drain": {"settle": {"leaves": 3}},
    }  # fmt: skip
    assert published["impact"] == preview["people_inside"]["follow"]
    assert published["version"] == 2
    assert set(Enrolment.objects.values_list("version__number", "state")) == {(2, "active")}


def test_people_inside_can_be_asked_to_leave_and_the_flow_be_put_away(api: Program) -> None:
    flow = live_flow(PAUSE)
    run = EnrolmentFactory.create(flow=flow)

    api.patch(f"flows/{flow.slug}/", {"definition": {**flow.draft, "holdout": 5}})
    api.post(f"flows/{flow.slug}/publish/", {"people_inside": "drain"})
    archived = api.post(f"flows/{flow.slug}/archive/").json()

    run.refresh_from_db()
    assert (run.state, archived["state"]) == ("exited", "archived")
    assert api.post(f"flows/{flow.slug}/archive/").status_code == 409


def test_a_backfill_is_counted_and_begun(api: Program) -> None:
    ploy, mali = CustomerFactory.create(), CustomerFactory.create()
    ploy.tags.create(name="no")
    happens(ploy, "Order Delivered", timezone.now())
    happens(mali, "Order Delivered", timezone.now())
    api.post("flows/", {**GIVEN, "definition": {**DRAFT, "audience": {"not": {"tag": "no"}}}})

    assert api.post("flows/review-request/impact/", {}).json()["backfill"] == 1
    api.post("flows/review-request/publish/", {"backfill": "now"})
    intake.go_on(now=timezone.now())

    assert list(Enrolment.objects.values_list("customer", flat=True)) == [mali.pk]
    assert faults(api.post("flows/review-request/publish/", {"backfill": "twice"})) == [("/backfill", "invalid_choice")]


def test_a_paused_flow_shows_its_backlog_and_lets_it_go_at_a_pace(api: Program) -> None:
    flow = live_flow(PAUSE)
    now = timezone.now()
    old = EnrolmentFactory.create(flow=flow, due_at=now - timedelta(days=4))
    late = EnrolmentFactory.create(flow=flow, due_at=now - timedelta(minutes=5))
    api.post(f"flows/{flow.slug}/pause/")

    seen = api.get(f"flows/{flow.slug}/backlog/").json()
    resumed = api.post(f"flows/{flow.slug}/resume/", {"skip_older_than": "P3D", "per_minute": 1})

    assert seen["people"] == 2
    assert [(age["up_to_hours"], age["people"]) for age in seen["by_age"] if age["people"]] == [(1, 1), (168, 1)]
    assert resumed.json()["state"] == "live"
    for run, state in ((old, "exited"), (late, "active")):
        run.refresh_from_db()
        assert run.state == state
    wrong = api.post(f"flows/{flow.slug}/resume/", {"skip_older_than": "long", "per_minute": 0})
    assert sorted(faults(wrong)) == [("/per_minute", "min_value"), ("/skip_older_than", "invalid_duration")]


def test_publishing_happens_once_for_a_key(api: Program) -> None:
    api.post("flows/", GIVEN)

    first = api.post("flows/review-request/publish/", {}, Idempotency_Key="once")
    again = api.post("flows/review-request/publish/", {}, Idempotency_Key="once")

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert Flow.objects.get().versions.count() == 1


def test_who_may_draft_may_stop_a_flow_but_not_publish_it(api: Program) -> None:
    flow = live_flow(PAUSE)
    post = signed_in(api, "marketer")

    assert post("flows/", GIVEN).status_code == 201
    assert post("flows/review-request/publish/", {}).json()["code"] == "forbidden"
    assert post(f"flows/{flow.slug}/pause/", {}).status_code == 200
    assert signed_in(api, "manager")("flows/review-request/publish/", {}).status_code == 200
    assert signed_in(api, "viewer")("flows/", {**GIVEN, "slug": "another"}).status_code == 403
    assert Program("flows:read").post("flows/", GIVEN).json()["code"] == "missing_scope"


# --- People ---------------------------------------------------------------------------------------


def test_people_are_enrolled_by_id_or_identity_each_judged_alone(api: Program) -> None:
    flow = live_flow(PAUSE, audience={"not": {"tag": "no"}})
    ploy, mali, out = (CustomerFactory.create() for _ in range(3))
    out.tags.create(name="no")

    people = [str(ploy.public_id), {"email": mali.email}, str(out.public_id), {"email": "who@example.com"}]
    body = api.post(f"flows/{flow.slug}/enrol/", {"customers": people, "properties": {"order_id": "7"}}).json()

    assert [row["status"] for row in body["results"]] == ["entered", "entered", "refused", "invalid"]
    assert body["results"][3]["errors"][0]["pointer"] == "/customers/3"
    assert set(Enrolment.objects.values_list("customer", flat=True)) == {ploy.pk, mali.pk}
    assert Enrolment.objects.filter(customer=mali).get().context == {"event": {"order_id": "7"}}


def test_nobody_enters_a_flow_that_is_not_live_and_nobody_twice(api: Program) -> None:
    ploy = CustomerFactory.create()
    draft, live = FlowFactory.create(), live_flow(PAUSE)
    who = {"customers": [str(ploy.public_id), str(ploy.public_id)]}

    assert api.post(f"flows/{draft.slug}/enrol/", who).status_code == 409
    api.post(f"flows/{live.slug}/enrol/", who)
    again = api.post(f"flows/{live.slug}/enrol/", who).json()

    assert [row["status"] for row in again["results"]] == ["refused", "refused"]
    assert Enrolment.objects.count() == 1
    assert faults(api.post(f"flows/{live.slug}/enrol/", {"customers": ["?"]})) == [("/customers/0", "invalid")]


def test_runs_are_listed_by_flow_customer_and_state(api: Program) -> None:
    run = EnrolmentFactory.create()
    EnrolmentFactory.create()

    rows = api.get(f"enrolments/?flow={run.flow.slug}&state=active&customer={run.customer.public_id}").json()["results"]

    assert [(row["flow"], row["customer"], row["step"], row["entered_at"]) for row in rows] == [
        (run.flow.slug, str(run.customer.public_id), "pause", "2026-03-02T12:00:00Z")
    ]
    assert api.get(f"enrolments/?flow={run.flow.slug}&state=failed").json()["results"] == []


def test_results_add_up_and_tell_the_lift(api: Program) -> None:
    flow = live_flow(PAUSE)
    for number, (state, goal) in enumerate(
        [("completed", NOON), ("completed", NOON), ("exited", None), ("held_out", None), ("held_out", NOON)]
    ):
        EnrolmentFactory.create(
            flow=flow, entry_key=f"{number}", state=state, stand="", due_at=None, ended_at=NOON, goal_at=goal
        )
    EnrolmentFactory.create(flow=flow)

    body = api.get(f"flows/{flow.slug}/results/").json()

    assert {name: body[name] for name in ("entered", "active", "completed", "exited", "held_out", "goals")} == {
        "entered": 6, "active": 1, "completed": 2, "exited": 1, "held_out": 2, "goals": 2,
    }  # fmt: skip
    treated = body["lift"]["treated"]
    assert (treated["people"], treated["converted"], treated["rate"]) == (4, 2, 0.5)
    assert [round(bound, 2) for bound in treated["interval"]] == [0.15, 0.85]
    assert body["lift"]["difference"] == 0.0
    low, high = body["lift"]["interval"]
    assert -0.6 < low < 0 < high < 0.6
    assert body["steps"]["pause"]["waiting"] == 1
    assert api.get(f"flows/{live_flow(PAUSE).slug}/results/").json()["lift"] is None


def test_branches_may_nest_as_deep_as_a_flow_allows(api: Program) -> None:
    steps: list[dict[str, Any]] = [{"id": "end", "type": "exit", "reason": "deep"}]
    for level in range(MAX_NESTING - 1):
        path = {"name": "way", "if": {"tag": "vip"}, "steps": steps}
        steps = [{"id": f"fork-{level}", "type": "branch", "paths": [path], "else": []}]
    definition = {"trigger": {"manual": True}, "steps": steps}
    answer = api.post("flows/", {"slug": "deep", "name": "Deep", "definition": definition})
    assert (answer.status_code, answer.json()["faults"]) == (201, [])
    assert api.post("customers/upsert/", {"attributes": definition}).json()["errors"][0]["code"] == "too_deep"
