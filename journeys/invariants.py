"""What `manage.py audit` holds true of follow-ups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from crm.lib import audits
from crm.lib.audits import Case, Finding, NotLookedAt, Seen
from crm.selectors.heartbeats import is_worker_alive
from journeys.models import Enrolment, StepVisit

OVERDUE = timedelta(minutes=15)

# The key is that of journeys.models.enrolment.effect_key.
_NOTHING_SENT = """
SELECT v.enrolment_id AS enrolment, v.step, v.visit
FROM journeys_stepvisit v
WHERE v.outcome = 'queued' {since} AND NOT EXISTS (
    SELECT 1 FROM messaging_message m
    WHERE m.dedupe_key = 'enrolment:' || v.enrolment_id || ':' || v.step || ':' || v.visit)
"""
_NO_REASON = "SELECT m.public_id AS message FROM messaging_message m WHERE m.state = 'withheld' AND m.reason = ''"


@audits.invariant("I2", "Every step that was due has a message, or a reason why there is none.")
def steps_have_their_messages(case: Case) -> Iterator[Finding]:
    since, parameters = ("AND v.left_at >= %s", [audits.moment(case.since)]) if case.since else ("", [])
    yield from audits.breaches(
        _NOTHING_SENT.format(since=since), parameters, "steps are behind their runs, and their messages are not there"
    )
    yield from audits.breaches(_NO_REASON, [], "messages are withheld, and nothing says why")
    sends = StepVisit.objects.filter(outcome="queued")
    yield Seen(f"{(sends.filter(left_at__gte=case.since) if case.since else sends).count():,} steps that send")
    if not is_worker_alive(case.now):
        raise NotLookedAt("whether steps are overdue: no worker has given a sign of life in the last 90 seconds")
    overdue = Enrolment.objects.due(case.now - OVERDUE)
    yield from audits.breaches_among(overdue, "steps are overdue by more than 15 minutes", enrolment="pk", step="step")
