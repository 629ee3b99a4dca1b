"""The doctor on segments."""

from __future__ import annotations

import pytest

from crm import checks
from crm.models import Segment
from crm.services import segments
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
