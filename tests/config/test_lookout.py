"""A worker is called when a step falls due, once."""

from datetime import timedelta

import pytest

from config.lookout import Lookout
from journeys.models import Enrolment
from tests.factories.crm import NOON
from tests.factories.journeys import EnrolmentFactory

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def test_nobody_is_called_before_a_step_is_due():
    EnrolmentFactory(due_at=NOON + SECOND)

    assert not Lookout().calls(NOON)


def test_a_worker_is_called_once_for_what_is_due():
    EnrolmentFactory(due_at=NOON)
    lookout = Lookout()

    assert [lookout.calls(NOON), lookout.calls(NOON + SECOND)] == [True, False]


def test_what_falls_due_later_is_called_for_when_the_first_has_been_taken():
    first = EnrolmentFactory(due_at=NOON)
    EnrolmentFactory(due_at=NOON + SECOND)
    lookout = Lookout()
    lookout.calls(NOON)

    assert not lookout.calls(NOON + SECOND)  # the first is still being taken
    Enrolment.objects.filter(pk=first.pk).update(due_at=NOON + timedelta(days=1))
    assert lookout.calls(NOON + 2 * SECOND)


def test_a_look_asks_one_thing(django_assert_num_queries):
    EnrolmentFactory(due_at=NOON)
    lookout = Lookout()

    with django_assert_num_queries(1):
        lookout.calls(NOON)
