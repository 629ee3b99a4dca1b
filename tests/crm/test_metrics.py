"""What `/metrics` tells of webhooks."""

from datetime import timedelta

import pytest

from crm import metrics
from crm.models import HookDelivery
from crm.services import hooks
from crm.services.hooks import HookCall
from tests.factories.crm import NOON


@pytest.mark.django_db
def test_calls_are_counted_by_state_and_those_that_are_due() -> None:
    calls = [HookCall(url="https://a.example/", event="x", body={}, dedupe_key=f"{n}") for n in range(3)]
    made = hooks.queue_calls(calls, now=NOON)
    HookDelivery.objects.filter(pk=made[0].pk).update(state="delivered", ended_at=NOON)
    assert list(metrics.calls(NOON)) == [({"state": "delivered"}, 1), ({"state": "queued"}, 2)]
    assert list(metrics.calls_due(NOON)) == [({}, 0)]
    assert list(metrics.calls_due(NOON + timedelta(seconds=1))) == [({}, 2)]
