"""What `manage.py audit` says of follow-ups."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.lib import audits
from crm.lib.audits import Case, Report, Verdict
from crm.models import Heartbeat
from journeys.models import Enrolment, StepVisit
from journeys.models.enrolment import effect_key
from tests.factories.crm import NOON
from tests.factories.journeys import EnrolmentFactory
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def worker() -> None:
    Heartbeat.objects.create(name="worker:shop:1", beat_at=LATER - timedelta(seconds=10))


def report(**case: Any) -> Report:
    return next(found for found in audits.audit(Case(now=LATER, **case)) if found.code == "I2")


def done(run: Enrolment, step: str, outcome: str = "queued", *, at: datetime = NOON, visit: int = 1) -> None:
    StepVisit.objects.create(
        enrolment=run, flow=run.flow, step=step, visit=visit, outcome=outcome, arrived_at=at, left_at=at
    )


@pytest.mark.usefixtures("worker")
def test_each_step_that_sends_has_its_message() -> None:
    run = EnrolmentFactory(due_at=LATER)
    done(run, "hello")
    done(run, "hello", visit=2)
    done(run, "rest", "waited")
    for visit in (1, 2):
        MessageFactory(dedupe_key=effect_key(run.pk, "hello", visit))
    found = report()
    assert (found.verdict, found.breaches, found.note) == (Verdict.HOLDS, [], "2 steps that send")


@pytest.mark.usefixtures("worker")
def test_a_step_whose_message_is_not_there() -> None:
    run = EnrolmentFactory(due_at=LATER)
    done(run, "hello")
    done(run, "hello", visit=2)
    MessageFactory(dedupe_key=effect_key(run.pk, "hello", 1))
    (breach,) = report().breaches
    assert (breach.message, breach.count) == ("steps are behind their runs, and their messages are not there", 1)
    assert breach.rows == [{"enrolment": run.pk, "step": "hello", "visit": 2}]
    assert report(since=NOON + timedelta(seconds=1)).breaches == []


@pytest.mark.usefixtures("worker")
def test_a_message_that_was_withheld_says_why() -> None:
    MessageFactory(state="withheld", reason="no_consent")
    assert report().verdict == Verdict.HOLDS
    MessageFactory(state="withheld")
    assert [(breach.message, breach.count) for breach in report().breaches] == [
        ("messages are withheld, and nothing says why", 1)
    ]


def test_a_step_that_is_late_is_a_breach_where_a_worker_lives() -> None:
    run = EnrolmentFactory(due_at=NOON)
    found = report()
    assert (found.verdict, found.breaches) == (Verdict.NOT_LOOKED_AT, [])
    Heartbeat.objects.create(name="worker:shop:1", beat_at=LATER)
    (breach,) = report().breaches
    assert (breach.message, breach.count) == ("steps are overdue by more than 15 minutes", 1)
    assert breach.rows == [{"enrolment": run.pk, "step": run.step}]
