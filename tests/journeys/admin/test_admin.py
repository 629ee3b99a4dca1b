"""Every table has its list and its page in Django admin; what is append-only cannot be written there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from journeys.flows import runner
from journeys.models import (
    Backtest,
    DraftEdit,
    Enrolment,
    Flow,
    FlowTest,
    FlowVersion,
    Intake,
    Journey,
    Lateness,
    Position,
    Stage,
    StageMove,
    StageRule,
    StepVisit,
)
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.journeys import EnrolmentFactory, FlowFactory, live_flow
from tests.journeys.happenings import day

pytestmark = pytest.mark.django_db

MODELS = [
    Backtest, DraftEdit, Enrolment, Flow, FlowTest, FlowVersion, Intake, Journey, Lateness, Position, Stage, StageMove,
    StageRule, StepVisit,
]  # fmt: skip
READ_ONLY = [Backtest, DraftEdit, Enrolment, FlowTest, FlowVersion, Intake, Lateness, Position, StageMove, StepVisit]


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(UserFactory(is_superuser=True))
    return client


@pytest.fixture
def something_of_everything() -> None:
    run = EnrolmentFactory.create(due_at=NOON)
    DraftEdit.objects.create(flow=run.flow, number=1, definition={}, edited_at=NOON)
    FlowTest.objects.create(flow=run.flow, name="one", script={}, expected=[], created_at=NOON, updated_at=NOON)
    Backtest.objects.create(flow=run.flow, definition={}, since=NOON, until=NOON, most=1, asked_at=NOON)
    Intake.objects.create(version=run.version, kind=Intake.Kind.BACKFILL, at=NOON)
    for number in (0, 2):
        runner.run_due(now=day(number), limit=10)


def address(model: Any, page: str, *args: object) -> str:
    return reverse(f"admin:journeys_{model._meta.model_name}_{page}", args=args)


@pytest.mark.usefixtures("something_of_everything")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_table_has_a_list_that_can_be_searched_and_a_page(boss: Client, model: Any) -> None:
    assert boss.get(address(model, "changelist")).status_code == 200
    assert boss.get(address(model, "changelist"), {"q": "somebody"}).status_code == 200
    assert boss.get(address(model, "change", model.objects.first().pk)).status_code == 200


@pytest.mark.usefixtures("something_of_everything")
@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_what_is_only_ever_added_to_is_not_written_here(boss: Client, model: Any) -> None:
    assert boss.get(address(model, "add")).status_code == 403
    assert boss.post(address(model, "delete", model.objects.first().pk), {"post": "yes"}).status_code == 403
    assert boss.post(address(model, "change", model.objects.first().pk), {}).status_code == 403


def test_no_model_of_journeys_is_missing_here() -> None:
    assert {model for model in admin.site._registry if model._meta.app_label == "journeys"} == set(MODELS)


def rule_form(**changes: object) -> dict[str, object]:
    stage = Stage.objects.get(journey__slug="five-stage", slug="purchase")
    form = {"stage": stage.pk, "name": "Paid", "events": ["Order Paid"], "where": [], "history": [], "priority": 5}
    return {
        key: json.dumps(value) if key in {"events", "where", "history"} else value
        for key, value in {**form, **changes}.items()
    }


def test_a_rule_is_added_and_one_that_cannot_be_read_is_refused_at_its_column(boss: Client) -> None:
    refused = boss.post(address(StageRule, "add"), rule_form(history=[{"within": "soon"}]))
    assert refused.context["adminform"].form.errors == {
        "history": ["history[0].within: not an ISO 8601 duration"],
    }
    assert boss.post(address(StageRule, "add"), rule_form()).status_code == 302
    assert StageRule.objects.get(name="Paid").events == ["Order Paid"]


def test_a_draft_may_have_faults_and_says_so(boss: Client) -> None:
    form = {
        "slug": "new", "name": "New", "draft": json.dumps({"trigger": {"manual": True}, "steps": []}),
        "versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0,
    }  # fmt: skip
    page = boss.post(address(Flow, "add"), form, follow=True)
    assert "Not ready to be published: steps: has nothing in it yet" in page.content.decode()
    assert Flow.objects.get().state == "draft"


def act(boss: Client, action: str, row: Any) -> str:
    form = {"action": action, "_selected_action": [row.pk]}
    return boss.post(address(type(row), "changelist"), form, follow=True).content.decode()


def test_flows_are_published_paused_and_resumed_from_the_list(boss: Client) -> None:
    flow = FlowFactory.create()
    for action, state in (("publish", "live"), ("pause", "paused"), ("resume", "live")):
        assert f"{flow}: {state}" in act(boss, action, flow)
        flow.refresh_from_db()
        assert flow.state == state
    assert "This flow is not paused." in act(boss, "resume", flow)
    assert flow.versions.get().published_by == UserFactory._meta.model.objects.get()


def test_a_published_flow_is_not_deleted_and_a_draft_may_be(boss: Client) -> None:
    published, draft = live_flow(), FlowFactory.create()
    assert boss.post(address(Flow, "delete", published.pk), {"post": "yes"}).status_code == 403
    assert boss.post(address(Flow, "delete", draft.pk), {"post": "yes"}).status_code == 302
    assert Flow.objects.get() == published


def test_failed_runs_are_tried_again_from_the_list(boss: Client) -> None:
    resume = {"stand": "start", "due_at": NOON.isoformat(), "awaits": ""}
    run = EnrolmentFactory.create(
        customer=CustomerFactory.create(), state="failed", stand="", due_at=None, ended_at=NOON, error="boom",
        memory={"resume": resume},
    )  # fmt: skip
    assert "1 enrolment goes on." in act(boss, "retry", run)
    run.refresh_from_db()
    assert (run.state, run.due_at, run.error) == ("active", NOON, "")
