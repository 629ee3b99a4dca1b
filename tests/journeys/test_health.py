from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from crm.lib import health as socket
from journeys import health
from journeys.models import Enrolment, FlowVersion, Lateness, StageRule
from tests.factories.crm import NOON
from tests.factories.journeys import EnrolmentFactory

pytestmark = pytest.mark.django_db


def said() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in (health.flows, health.lateness, health.definitions):
        for finding in check(NOON):
            found.setdefault(finding.level, []).append(finding.message)
    return found


def test_a_sound_shop_is_ok() -> None:
    EnrolmentFactory.create(due_at=NOON)
    assert said() == {
        "ok": [
            "every enrolment rests on one thing, and none is overdue",
            "no step was due in the last hour",
            "stage rules and flow definitions can be read",
        ]
    }


def test_steps_long_overdue_and_failed_runs_are_told() -> None:
    EnrolmentFactory.create(due_at=NOON - timedelta(minutes=16))
    EnrolmentFactory.create(state="failed", due_at=None, ended_at=NOON, stand="")
    assert said()["error"] == ["1 steps are overdue by more than 15 minutes"]
    assert said()["warning"] == ["1 enrolments have failed"]


@pytest.mark.parametrize(
    ("counts", "level", "message"),
    [
        ({"0.2": 95, "9": 5}, "ok", "half were at most 0.2 s late, 95 of 100 0.2 s"),
        ({"0.2": 1199, "9": 81}, "warning", "half were at most 0.2 s late, 95 of 100 9 s"),
    ],
)
def test_the_lateness_of_the_last_hour_is_told(counts: dict[str, int], level: str, message: str) -> None:
    Lateness.objects.create(at=NOON, counts=counts)
    assert f"of {sum(counts.values()):,} steps in the last hour {message}" in said()[level]


@pytest.mark.parametrize(
    "columns",
    [
        {"due_at": None},
        {"stand": "event"},
        {"awaits": "Product Reviewed"},
        {"state": "completed"},
        {"state": "completed", "due_at": None, "stand": "", "ended_at": None},
    ],
)
def test_the_database_refuses_a_run_that_rests_on_nothing_or_on_two_things(columns: dict[str, object]) -> None:
    run = EnrolmentFactory.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        Enrolment.objects.filter(pk=run.pk).update(**columns)


def test_a_rule_or_definition_that_cannot_be_read_is_named() -> None:
    StageRule.objects.filter(name="Became known").update(events=[])
    run = EnrolmentFactory.create()
    FlowVersion.objects.filter(pk=run.version_id).update(definition={})
    errors = said()["error"]
    assert len(errors) == 3
    assert "Became known" in errors[0]
    assert "cannot be run" in errors[2]


def test_doctor_asks_both() -> None:
    assert {"flows", "stage rules and flow definitions"} <= {report.check for report in socket.examine(NOON)}
