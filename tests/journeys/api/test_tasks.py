"""A task finished over the API continues the flow that waits for what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Task
from journeys.flows import enrolment, runner
from journeys.models import StepVisit
from tests.crm.api.conftest import Program
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import live_flow
from tests.journeys.views.test_outcomes import CALL

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "went"),
    [
        ({"outcome": "reached"}, [("call", "reached"), ("won", None)]),
        ({"outcome": "moved away"}, [("call", "moved away"), ("else", None)]),
        ({}, [("call", ""), ("else", None)]),
    ],
)
def test_the_flow_goes_on_by_the_outcome(api: Program, body: dict[str, str], went: list[tuple[str, Any]]) -> None:
    flow, begun = live_flow(CALL), timezone.now() - timedelta(hours=1)
    enrolment.enrol_by_hand(flow, [CustomerFactory.create()], now=begun)
    runner.run_due(now=begun, limit=10)
    (row,) = api.get("tasks/?state=open").json()["results"]
    assert (row["title"], row["outcomes"], row["cause"]) == (
        "Call them", ["reached", "call <later>"], f"flow:{flow.slug}",
    )  # fmt: skip

    assert api.post(f"tasks/{row['id']}/complete/", body).status_code == 200

    runner.run_due(now=timezone.now(), limit=10)
    assert list(StepVisit.objects.order_by("pk").values_list("step", "detail__outcome")) == went
    assert Task.objects.open().count() == 0
