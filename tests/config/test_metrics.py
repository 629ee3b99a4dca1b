"""What a monitor reads."""

from datetime import timedelta

import pytest
import time_machine

from crm.models import Heartbeat
from journeys.models import Lateness
from messaging.models import (
    Attempt,
    ChannelSettings,
    Message,
    ProviderCall,
    ProviderState,
    Receipt,
    RefusedCalls,
)
from tests.factories.crm import NOON
from tests.factories.journeys import EnrolmentFactory
from tests.factories.messaging import MessageFactory

TOKEN = "a-token-of-the-monitor"


@pytest.fixture
def scrape(client, settings):
    settings.METRICS_TOKEN = TOKEN

    def read() -> list[str]:
        with time_machine.travel(NOON, tick=False):
            answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        return [line for line in answer.content.decode().splitlines() if not line.startswith("#")]

    return read


@pytest.mark.django_db
def test_without_a_token_in_the_settings_there_is_no_such_page(client, settings):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("shown", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}])
def test_without_the_right_one_nothing_is_told(client, settings, shown):
    settings.METRICS_TOKEN = TOKEN

    answer = client.get("/metrics", headers=shown)

    assert (answer.status_code, answer.content) == (401, b"A token is needed.\n")


@pytest.mark.django_db
def test_a_fresh_installation_has_figures_and_no_heartbeat(scrape):
    assert not [line for line in scrape() if "heartbeat" in line]
    assert set(scrape()) >= {
        "waymark_reactions_failed 0",
        "waymark_runs_taken 0",
        'waymark_step_lateness_seconds{quantile="0.5"} 0',
        'waymark_step_lateness_seconds{quantile="0.95"} 0',
        "waymark_steps_overdue 0",
        "waymark_tasks_queued 0",
    }


@pytest.mark.django_db
def test_lateness_backlog_and_heartbeat_are_told(scrape):
    Lateness.objects.create(at=NOON, counts={"0.5": 90, "3": 8, "70": 2})
    Heartbeat.objects.create(name="worker:a:1", beat_at=NOON - timedelta(seconds=7))
    EnrolmentFactory(due_at=NOON)

    assert set(scrape()) >= {
        "waymark_reactions_failed 0",
        "waymark_runs_taken 100",
        'waymark_step_lateness_seconds{quantile="0.5"} 0.5',
        'waymark_step_lateness_seconds{quantile="0.95"} 3',
        "waymark_steps_overdue 1",
        "waymark_tasks_queued 0",
        "waymark_worker_heartbeat_age_seconds 7",
    }


@pytest.mark.django_db
def test_messages_queues_calls_circuits_and_strange_receipts_are_told(scrape):
    MessageFactory(due_at=NOON - timedelta(seconds=90))
    MessageFactory(due_at=NOON + timedelta(days=1))
    unclear = MessageFactory(state=Message.State.UNKNOWN)
    MessageFactory(state=Message.State.DELIVERED)
    calls = [(0, "accepted"), (1, ""), (61, "refused")]
    for number, (minutes, outcome) in enumerate(calls):
        Attempt.objects.create(
            message=unclear, token=str(number), provider="sandbox", started_at=NOON - timedelta(minutes=minutes),
            outcome=outcome,
        )  # fmt: skip
    for row in ChannelSettings.objects.filter(channel="sms"):
        ProviderState.objects.create(channel=row, breaker="open")
    Receipt.objects.create(provider="sandbox", event_id="1", news="sent", occurred_at=NOON, received_at=NOON)

    assert [
        line for line in scrape() if line.startswith(("waymark_message", "waymark_provider", "waymark_receipt"))
    ] == [
        'waymark_message_queue_age_seconds{channel="sms"} 90',
        'waymark_messages{channel="sms",state="queued"} 2',
        'waymark_messages{channel="sms",state="unknown"} 1',
        'waymark_provider_calls{outcome="none",provider="sandbox"} 1',
        'waymark_provider_calls{outcome="accepted",provider="sandbox"} 1',
        'waymark_provider_circuit_closed{channel="sms"} 0',
        "waymark_receipts_unmatched 1",
    ]


@pytest.mark.django_db
def test_what_came_to_our_doors_and_was_refused_or_waits_is_told(scrape):
    row = {"provider": "fake", "what": "receipts", "method": "POST", "body": b"{}", "received_at": NOON}
    for processed_at in (None, None, NOON):
        ProviderCall.objects.create(channel="sms", retry_at=NOON, processed_at=processed_at, **row)
    RefusedCalls.objects.create(channel="sms", code="bad_signature", count=3, last_at=NOON)
    RefusedCalls.objects.create(channel="", code="not_found", count=41, last_at=NOON)

    assert [line for line in scrape() if line.startswith("waymark_hook_calls")] == [
        'waymark_hook_calls_open{channel="sms"} 2',
        'waymark_hook_calls_refused{channel="",code="not_found"} 41',
        'waymark_hook_calls_refused{channel="sms",code="bad_signature"} 3',
    ]
