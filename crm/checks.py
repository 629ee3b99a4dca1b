"""What `manage.py doctor` should know about segments and webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from crm.lib import health, stamps
from crm.lib.health import Finding
from crm.models import HookDelivery, Segment
from crm.rules import InvalidRule, parse_rule
from crm.rules.leaves.segments import segment_faults
from crm.selectors.calls import given_up

OVERDUE = timedelta(minutes=15)


@health.check("configuration")
def remembered(now: datetime) -> Iterator[Finding]:
    """Batches keep the configuration in memory until a trigger says that it was changed: every table must have it."""
    missing = stamps.unstamped()
    if missing:
        yield health.error(
            f"changes of {', '.join(missing)} go unseen by running processes: the triggers are missing",
            "Run manage.py migrate, which makes them.",
        )
    else:
        yield health.ok("every change of configuration is seen by the next batch")


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


@health.check("webhooks")
def webhooks(now: datetime) -> Iterator[Finding]:
    """No call is overdue, and nobody was given up on unseen."""
    overdue = HookDelivery.objects.overdue(now - OVERDUE).count()
    if overdue:
        yield health.error(
            f"{overdue} webhook calls are overdue by more than 15 minutes", "Is `manage.py worker` running?"
        )
    for endpoint in given_up():
        yield health.warning(
            f"the webhook endpoint “{endpoint}” was given up on: {endpoint.disabled_reason}",
            "Mend it and switch it on in Settings, Webhooks.",
        )
    if not overdue:
        yield health.ok("no webhook call is overdue")
