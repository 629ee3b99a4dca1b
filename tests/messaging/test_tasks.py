import pytest
import time_machine

from messaging import tasks
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory, states

pytestmark = pytest.mark.django_db


def test_the_sender_works_off_what_is_due_and_says_how_much() -> None:
    MessageFactory.create_batch(3)
    with time_machine.travel(NOON, tick=False):
        assert tasks.send_due() == "3 messages"
        assert tasks.send_due() == "0 messages"
    assert states() == ["delivered"] * 3


def test_what_a_dead_worker_left_is_cleared_up() -> None:
    MessageFactory(state="sending", lease_until=NOON, provider="sandbox")
    with time_machine.travel(NOON, tick=False):
        assert tasks.reconcile() == "nothing unclear"
    with time_machine.travel(NOON.replace(hour=13), tick=False):
        assert tasks.reconcile() == "queued 1"
