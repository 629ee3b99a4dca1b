from datetime import timedelta

import pytest
import time_machine

from crm.models import TicketAttachment
from messaging import tasks
from messaging.models import FileToFetch, ProviderCall
from tests.factories.crm import NOON, TicketMessageFactory
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


def test_what_people_attached_is_fetched() -> None:
    attachment = TicketAttachment.objects.create(message=TicketMessageFactory.create(), name="image", size=0)
    FileToFetch.objects.create(
        attachment=attachment, channel="line", provider="gone", reference="1", announced_at=NOON, due_at=NOON
    )
    with time_machine.travel(NOON, tick=False):
        assert tasks.fetch_files() == "1 files"
        assert tasks.fetch_files() == "0 files"
    attachment.refresh_from_db()
    assert attachment.refusal == "lost"


def test_calls_of_providers_that_failed_are_tried_again_and_forgotten_in_the_end() -> None:
    row = {"channel": "sms", "provider": "fake", "what": "inbound", "method": "POST", "body": b"{}"}
    ProviderCall.objects.create(**row, received_at=NOON, retry_at=NOON)
    with time_machine.travel(NOON, tick=False):
        assert tasks.work_off_calls() == "1 calls"
        assert tasks.work_off_calls() == "0 calls"
        assert tasks.forget_old() == "0 rows"
    with time_machine.travel(NOON + timedelta(days=31), tick=False):
        assert tasks.forget_old() == "1 rows"
