"""The doctor on segments and webhooks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crm import checks
from crm.lib.health import Level
from crm.models import Segment, WebhookEndpoint
from crm.services import hooks, segments
from crm.services.hooks import HookCall
from tests.factories.crm import NOON

pytestmark = pytest.mark.django_db


def test_segments_whose_rules_can_be_asked_are_sound() -> None:
    segments.create_segment(name="VIP", rule={"tag": "vip"}, actor=None, now=NOON)
    assert [(found.level, found.message) for found in checks.segments(NOON)] == [
        ("ok", "the rules of all segments can be asked")
    ]


def test_rules_written_past_the_services_are_named_with_their_faults() -> None:
    for slug, rule in (("odd", {"tagg": "x"}), ("lost", {"segment": "gone"}), ("round", {"segment": "round"})):
        Segment.objects.create(slug=slug, name=slug.title(), rule=rule, created_at=NOON)
    found = {finding.message.partition(": ")[0]: finding.message for finding in checks.segments(NOON)}
    assert list(found) == [f"the segment “{name}” cannot be asked" for name in ("Lost", "Odd", "Round")]
    assert "there is no segment “gone”" in found["the segment “Lost” cannot be asked"]
    assert {finding.level for finding in checks.segments(NOON)} == {"error"}


def test_a_webhook_call_that_is_overdue_and_an_endpoint_given_up_on_are_said() -> None:
    assert [(it.level, it.message) for it in checks.webhooks(NOON)] == [(Level.OK, "no webhook call is overdue")]
    hooks.queue_calls([HookCall(url="https://a.example/", event="x", body={}, dedupe_key="one")], now=NOON)
    made = hooks.create_endpoint(url="https://b.example/", events=["x"], actor=None, now=NOON, description="ERP")
    WebhookEndpoint.objects.filter(pk=made.endpoint.pk).update(
        is_active=False, disabled_at=NOON, disabled_reason="refused: 503"
    )
    assert [it.level for it in checks.webhooks(NOON + timedelta(minutes=15))] == [Level.WARNING, Level.OK]
    late = NOON + timedelta(minutes=15, seconds=1)
    assert [(it.level, it.message) for it in checks.webhooks(late)] == [
        (Level.ERROR, "1 webhook calls are overdue by more than 15 minutes"),
        (Level.WARNING, "the webhook endpoint “ERP” was given up on: refused: 503"),
    ]
