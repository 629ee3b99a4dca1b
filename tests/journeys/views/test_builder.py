"""Flows built in the browser: as links and forms, without a script."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import User
from journeys.flows import history, presets, trees, versions
from journeys.flows.presets import REVIEW_REQUEST
from journeys.models import Enrolment, Flow, FlowVersion
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, EnrolmentFactory, FlowFactory, live_flow

pytestmark = pytest.mark.django_db
NEW = "/journeys/flows/new/"
DRAFT = {
    "trigger": {"manual": True},
    "steps": [
        PAUSE,
        {"id": "heard", "type": "wait_event", "event": "Order Completed", "timeout": "P3D",
         "then": [{"id": "thank", "type": "tag", "add": ["bought"]}], "else": []},
    ],
}  # fmt: skip


@pytest.fixture
def flow() -> Flow:
    return FlowFactory.create(slug="ours", name="Ours", draft=DRAFT)


def at(name: str, *args: Any, query: str = "") -> str:
    return reverse(f"journeys:builder{name}", args=["ours", *args]) + (f"?{query}" if query else "")


def ids(flow: Flow) -> list[str]:
    flow.refresh_from_db()
    return [trees.id_of(step) for step in trees.walk(flow.draft)]


def press(client: Client, what: str, step: str = "") -> Any:
    return client.post(at("_act"), {"do": what, "step": step})


class TestTheTree:
    def test_every_step_and_every_gap_is_a_link(self, manager: Client, flow: Flow) -> None:
        page = manager.get(at("")).content.decode()
        for step in ("pause", "heard", "thank"):
            assert f'href="/journeys/flows/ours/edit/?step={step}"' in page
        for place in ("start", "after.pause", "after.heard", "after.thank", "in.heard.then", "in.heard.else"):
            assert f"?add={place}" in page
        for key in ("trigger", "audience", "reentry", "exits", "goal", "holdout"):
            assert f"?card={key}" in page

    @pytest.mark.parametrize(
        "draft", [{}, [], {"steps": "x"}, {"steps": [{"type": "dance"}, 5]}, {"steps": [{"id": 7}]}]
    )
    def test_a_draft_full_of_faults_can_still_be_opened(self, manager: Client, flow: Flow, draft: Any) -> None:
        Flow.objects.update(draft=draft)
        assert manager.get(at("")).status_code == 200
        assert manager.get(at("_json")).status_code == 200
        for key in ("trigger", "exits", "goal"):
            assert manager.get(at("", query=f"card={key}")).status_code == 200

    @pytest.mark.parametrize("odd", ["a/b", "../x", "a b&c?d#e%", "ก", "x" * 300])
    def test_a_step_with_an_odd_id_can_still_be_opened_and_put_right(
        self, manager: Client, flow: Flow, odd: str
    ) -> None:
        Flow.objects.update(draft={"trigger": {"manual": True}, "steps": [{**PAUSE, "id": odd}]})
        panel = manager.get(at(""), {"step": odd}).context["panel"]
        assert panel["step"] == odd
        sent = {"id": "good", "mode": "for", "for__n": "1", "for__unit": "days"}
        assert manager.post(at("_step", odd), sent).status_code == 302
        assert ids(flow) == ["good"]

    def test_faults_lead_to_their_step(self, manager: Client, flow: Flow) -> None:
        Flow.objects.update(draft={**DRAFT, "steps": [{"id": "ask", "type": "send", "channel": "sms", "topic": "lost",
                                                       "template": "lost"}]})  # fmt: skip
        page = manager.get(at("")).content.decode()
        assert "2 things stand in the way of publishing" in page
        assert 'href="/journeys/flows/ours/edit/?step=ask"' in page
        assert "there is no topic “lost”" in page

    def test_what_is_not_there_is_said(self, manager: Client, flow: Flow) -> None:
        assert "That step is gone" in manager.get(at("", query="step=lost")).content.decode()
        assert manager.get(at("", query="card=lost")).status_code == 404
        assert manager.get(at("", query="add=start&kind=lost")).status_code == 404
        assert manager.get("/journeys/flows/lost/edit/").status_code == 404
        assert press(manager, "dance").status_code == 400

    @pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda it: it.slug)
    def test_every_step_and_term_of_every_preset_opens(self, manager: Client, flow: Flow, preset: Any) -> None:
        Flow.objects.update(draft=preset.definition)
        for step in trees.walk(preset.definition):
            assert manager.get(at("", query=f"step={step['id']}")).context["panel"]["form"].step == step
            assert manager.get(at("", query=f"step={step['id']}&as=json")).status_code == 200
        for key in ("trigger", "audience", "reentry", "exits", "goal", "holdout"):
            assert manager.get(at("", query=f"card={key}")).status_code == 200

    def test_htmx_gets_the_builder_alone(self, manager: Client, flow: Flow, htmx: Any) -> None:
        body = manager.get(at("", query="step=pause"), headers=htmx("builder")).content.decode()
        assert body.strip().startswith('<div id="builder"')
        assert "<html" not in body


class TestSteps:
    def test_one_is_added_in_a_way(self, manager: Client, flow: Flow) -> None:
        menu = manager.get(at("", query="add=in.heard.else")).content.decode()
        assert "add=in.heard.else&amp;kind=task" in menu
        form = manager.get(at("", query="add=in.heard.else&kind=task")).content.decode()
        assert "/edit/add/?add=in.heard.else&amp;kind=task" in form

        response = manager.post(at("_add", query="add=in.heard.else&kind=task"), {"id": "call", "title": "Call them"})

        assert response.url == at("", query="step=call")  # type: ignore[attr-defined]
        flow.refresh_from_db()
        assert flow.draft["steps"][1]["else"] == [{"id": "call", "type": "task", "title": "Call them"}]

    def test_one_is_edited_and_nothing_else_changes(self, manager: Client, flow: Flow) -> None:
        sent = {"id": "heard", "event": "Order Completed", "timeout_n": "5", "timeout_unit": "weeks",
                "look_back_n": "", "look_back_unit": "days"}  # fmt: skip
        assert manager.post(at("_step", "heard"), sent).status_code == 302
        flow.refresh_from_db()
        assert flow.draft["steps"] == [PAUSE, {**DRAFT["steps"][1], "timeout": "P5W"}]  # type: ignore[index, dict-item]

    def test_what_is_wrong_is_said_and_nothing_is_saved(self, manager: Client, flow: Flow) -> None:
        response = manager.post(
            at("_step", "pause"), {"id": "pause", "mode": "for", "for__n": "soon", "for__unit": "days"}
        )
        assert response.status_code == 422
        assert "Not a span of time" in response.content.decode()
        twice = manager.post(at("_step", "pause"), {"id": "heard", "mode": "for", "for__n": "1", "for__unit": "days"})
        assert "Another step has this id." in twice.content.decode()
        flow.refresh_from_db()
        assert flow.draft == DRAFT

    def test_they_move_double_and_go(self, manager: Client, flow: Flow) -> None:
        press(manager, "up", "thank")
        assert ids(flow) == ["pause", "thank", "heard"]
        press(manager, "down", "pause")
        assert ids(flow) == ["thank", "pause", "heard"]
        copied = press(manager, "copy", "pause")
        assert copied.url == at("", query="step=pause-2")
        press(manager, "delete", "heard")
        assert ids(flow) == ["thank", "pause", "pause-2"]
        assert press(manager, "delete", "heard").status_code == 302
        assert ids(flow) == ["thank", "pause", "pause-2"]

    def test_the_ways_of_a_branch_change_places(self, manager: Client, flow: Flow) -> None:
        paths = [{"name": name, "if": {"tag": name}, "steps": []} for name in ("first", "second")]
        Flow.objects.update(draft={**DRAFT, "steps": [{"id": "who", "type": "branch", "paths": paths, "else": []}]})
        page = manager.get(at("")).content.decode()
        assert page.count('value="earlier"') == page.count('value="later"') == 2
        sent = {"do": "earlier", "step": "who", "way": "paths[1].steps"}
        assert manager.post(at("_act"), sent).url == at("", query="step=who")  # type: ignore[attr-defined]
        flow.refresh_from_db()
        assert flow.draft["steps"][0]["paths"] == paths[::-1]
        assert manager.post(at("_act"), {**sent, "way": "else"}).status_code == 302
        flow.refresh_from_db()
        assert flow.draft["steps"][0]["paths"] == paths[::-1]

    def test_everything_can_be_undone_and_done_again(self, manager: Client, flow: Flow) -> None:
        press(manager, "delete", "heard")
        press(manager, "delete", "pause")
        assert ids(flow) == []
        press(manager, "undo")
        press(manager, "undo")
        assert (ids(flow), flow.draft) == (["pause", "heard", "thank"], DRAFT)
        press(manager, "redo")
        assert ids(flow) == ["pause"]


class TestTerms:
    def test_a_trigger_is_chosen(self, manager: Client, flow: Flow) -> None:
        sent = {"kind": "stage", "stage": "five-stage.advocacy", "where-0-property": "", "on": "enter"}
        assert manager.post(at("_term", "trigger"), sent).status_code == 302
        flow.refresh_from_db()
        assert flow.draft == {**DRAFT, "trigger": {"stage": {"journey": "five-stage", "stage": "advocacy"}}}

    def test_exits_are_added_and_taken_away(self, manager: Client, flow: Flow) -> None:
        sent = {"exits-0-event": "Order Refunded", "exits-0-rule": "{}"}
        manager.post(at("_term", "exits"), sent)
        manager.post(
            at("_term", "exits"), {**sent, "exits-0-was": "0", "exits-1-event": "", "exits-1-rule": '{"tag": "vip"}'}
        )
        flow.refresh_from_db()
        assert flow.draft["exits"] == [{"event": "Order Refunded"}, {"rule": {"tag": "vip"}}]
        manager.post(at("_term", "exits"), {**sent, "exits-0-was": "0", "exits-0-remove": "on"})
        flow.refresh_from_db()
        assert "exits" not in flow.draft

    @pytest.mark.parametrize(
        ("key", "sent", "message"),
        [
            ("audience", {"rule": '{"tagg": "vip"}'}, "tagg"),
            ("audience", {"rule": "{"}, "Enter a valid JSON."),
            ("reentry", {"policy": "cooldown"}, "This field is required."),
            ("holdout", {"share": "95"}, "less than or equal to 90"),
            ("trigger", {"kind": "schedule", "cron": "often", "of_segment": ""}, "This field is required."),
            ("goal", {"event": "A", "within_n": "x", "within_unit": "iso"}, "Not a span of time"),
        ],
    )
    def test_what_is_wrong_is_said(self, manager: Client, flow: Flow, key: str, sent: Any, message: str) -> None:
        response = manager.post(at("_term", key), sent)
        assert response.status_code == 422
        assert message in response.content.decode()
        flow.refresh_from_db()
        assert flow.draft == DRAFT


class TestNewFlows:
    def test_one_begins_empty(self, manager: Client) -> None:
        response = manager.post(NEW, {"name": "Mine", "slug": "mine", "definition": ""})
        assert response.url == "/journeys/flows/mine/edit/"  # type: ignore[attr-defined]
        assert Flow.objects.get().draft == {"trigger": {"manual": True}, "steps": []}
        assert manager.get("/journeys/flows/mine/edit/").status_code == 200

    def test_one_is_made_of_json_key_for_key(self, manager: Client) -> None:
        text = json.dumps(REVIEW_REQUEST.definition)
        manager.post(NEW, {"name": "Mine", "slug": "mine", "definition": text})
        assert Flow.objects.get().draft == REVIEW_REQUEST.definition

    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            ({"slug": "ours"}, "There is a flow with this slug already."), ({"slug": "new"}, "Another slug, please"),
            ({"slug": "No!"}, "Enter a valid value."), ({"definition": "[1]"}, "This is no JSON we can take"),
            ({"definition": '{"a": NaN}'}, "This is no JSON we can take"),
            ({"definition": '{"a": "\\u0000"}'}, "NUL"), ({"definition": '{"a": "\\ud800"}'}, "surrogate"),
            ({"definition": "[" * 5000}, "This is no JSON we can take"), ({"name": ""}, "This field is required."),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_said(self, manager: Client, flow: Flow, fault: Any, message: str) -> None:
        response = manager.post(NEW, {"name": "Mine", "slug": "mine", "definition": "", **fault})
        assert response.status_code == 422
        assert message in response.content.decode()
        assert Flow.objects.count() == 1

    def test_a_copy_is_a_draft_of_its_own(self, manager: Client) -> None:
        live = live_flow(PAUSE)
        response = manager.post(f"/journeys/flows/{live.slug}/copy/")
        copied = Flow.objects.get(slug=f"{live.slug}-2")
        assert response.url == f"/journeys/flows/{copied.slug}/edit/"  # type: ignore[attr-defined]
        assert (copied.state, copied.draft, copied.live_version) == ("draft", live.draft, None)

    def test_a_draft_is_replaced_by_json_and_that_can_be_undone(self, manager: Client, flow: Flow) -> None:
        text = manager.get(at("_json")).context["form"]["definition"].value()
        assert json.loads(text) == DRAFT
        manager.post(at("_json"), {"definition": json.dumps(REVIEW_REQUEST.definition)})
        flow.refresh_from_db()
        assert flow.draft == REVIEW_REQUEST.definition
        press(manager, "undo")
        flow.refresh_from_db()
        assert flow.draft == DRAFT

    def test_it_is_called_otherwise(self, manager: Client, flow: Flow) -> None:
        manager.post(at("_names"), {"name": "Theirs", "name_th": "ของเขา", "description": "Why"})
        flow.refresh_from_db()
        assert (flow.name, flow.name_th, flow.description, flow.draft) == ("Theirs", "ของเขา", "Why", DRAFT)
        assert manager.post(at("_names"), {"name": ""}).status_code == 422


class TestWhatIsLive:
    def test_editing_never_touches_it(self, manager: Client) -> None:
        live = live_flow(PAUSE)
        manager.post(f"/journeys/flows/{live.slug}/edit/act/", {"do": "delete", "step": "pause"})
        live.refresh_from_db()
        assert live.draft["steps"] == []
        assert FlowVersion.objects.get().definition["steps"] == [PAUSE]
        assert live.live_version == FlowVersion.objects.get()

    def test_publishing_shows_what_becomes_of_people_and_does_it(self, manager: Client) -> None:
        live = live_flow(PAUSE, {"id": "late", "type": "wait", "for": "P2D"})
        EnrolmentFactory(flow=live, step="pause", customer=CustomerFactory())
        run = EnrolmentFactory(flow=live, step="late", customer=CustomerFactory())
        history.edit(live, lambda draft: trees.remove(draft, "late"), now=NOON)
        url = f"/journeys/flows/{live.slug}/publish/"

        response = manager.get(url)

        choices = {choice["value"]: [(str(a), n) for a, n in choice["total"]] for choice in response.context["choices"]}
        assert choices == {
            "pin": [("finish the old version", 2)],
            "follow": [("go on as before", 1), ("leave", 1)],
            "drain": [("leave", 2)],
        }
        assert "2 people are inside" in response.content.decode()
        assert FlowVersion.objects.count() == 1

        manager.post(url, {"people_inside": "follow"})
        run.refresh_from_db()
        assert (run.state, run.reason) == ("exited", "step removed")
        assert Enrolment.objects.active().get().version.number == 2

    def test_a_backfill_is_offered_with_its_count(self, manager: Client) -> None:
        customer = CustomerFactory()
        stage = {"stage": {"journey": "five-stage", "stage": "awareness"}}
        flow = FlowFactory.create(draft={"trigger": stage, "steps": [PAUSE]})
        page = manager.get(f"/journeys/flows/{flow.slug}/publish/")
        assert customer.pk
        assert page.context["backfill"] == 1
        assert "Let 1 customer in now" in page.content.decode()

    def test_faults_stand_in_the_way(self, manager: Client) -> None:
        flow = FlowFactory.create(draft={"trigger": {"manual": True}, "steps": [{**PAUSE, "for": "soon"}]})
        page = manager.get(f"/journeys/flows/{flow.slug}/publish/").content.decode()
        assert "It cannot be published yet:" in page
        assert f'href="/journeys/flows/{flow.slug}/edit/?step=pause"' in page
        assert manager.post(f"/journeys/flows/{flow.slug}/publish/", {"people_inside": "x"}).status_code == 400

    def test_one_is_put_away(self, manager: Client) -> None:
        live = live_flow(PAUSE)
        run = EnrolmentFactory(flow=live)
        manager.post(f"/journeys/flows/{live.slug}/archive/")
        run.refresh_from_db()
        assert (Flow.objects.get().state, run.state) == ("archived", "exited")
        edited = manager.post(f"/journeys/flows/{live.slug}/edit/act/", {"do": "delete", "step": "pause"}, follow=True)
        assert "This flow is archived." in edited.content.decode()
        assert versions.fingerprint(Flow.objects.get().draft) == FlowVersion.objects.get().fingerprint


def test_who_may_only_look_edits_nothing(sign_in: SignIn, flow: Flow) -> None:
    viewer = sign_in(User.Role.VIEWER)
    assert (
        "Edit" not in viewer.get("/journeys/flows/ours/").content.decode().split("page-actions")[1].split("</div>")[0]
    )
    for url in (NEW, at(""), at("_json"), at("_names"), "/journeys/flows/ours/publish/"):
        assert viewer.get(url).status_code == 403
    for url in (at("_act"), at("_add"), at("_step", "pause"), at("_term", "goal"), "/journeys/flows/ours/copy/"):
        assert viewer.post(url).status_code == 403
    marketer = sign_in(User.Role.MARKETER)
    assert marketer.get(at("")).status_code == 200
    assert marketer.get("/journeys/flows/ours/publish/").status_code == 403


@pytest.mark.parametrize(("name", "slug"), [("Ask again", "ask-again"), ("ขอรีวิว", "flow"), ("New", "new-2")])
def test_a_new_flow_without_a_slug_gets_one_of_its_name(manager: Client, name: str, slug: str) -> None:
    manager.post(NEW, {"name": name, "slug": ""})
    assert Flow.objects.latest("pk").slug == slug
    manager.post(NEW, {"name": name, "slug": ""})
    assert Flow.objects.latest("pk").slug != slug
