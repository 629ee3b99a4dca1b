"""What `manage.py doctor` should know about segments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from crm.lib import health
from crm.lib.health import Finding
from crm.models import Segment
from crm.rules import InvalidRule, parse_rule
from crm.rules.leaves.segments import segment_faults


@health.check("segments")
def segments(now: datetime) -> Iterator[Finding]:
    """Every rule can be asked; one that cannot keeps the members it had, and whoever names it raises."""
    broken = False
    for segment in Segment.objects.order_by("name"):
        try:
            parse_rule(segment.rule)
            faults = segment_faults(segment.rule, of=segment.slug)
        except InvalidRule as error:
            faults = error.faults
        if faults:
            broken = True
            said = "; ".join(map(str, faults))
            yield health.error(f"the segment “{segment}” cannot be asked: {said}", "Mend its rule on its page.")
    if not broken:
        yield health.ok("the rules of all segments can be asked")
