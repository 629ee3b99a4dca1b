import pytest
import time_machine

from journeys import tasks
from journeys.models import Position
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import EnrolmentFactory
from tests.journeys.happenings import day, run_of

pytestmark = pytest.mark.django_db


def test_run_due_takes_what_is_due_now_and_says_how_much() -> None:
    run = EnrolmentFactory.create(due_at=NOON)
    with time_machine.travel(NOON, tick=False):
        assert tasks.run_due() == "1 steps"
        assert tasks.run_due() == "0 steps"
    assert run_of(run.customer).due_at == day(1)


def test_assess_health_sets_what_has_changed_since_last_night() -> None:
    CustomerFactory.create()
    with time_machine.travel(day(61), tick=False):
        assert tasks.assess_health() == "2 changes"
        assert tasks.assess_health() == "0 changes"
    assert set(Position.objects.values_list("health", flat=True)) == {"at_risk"}
