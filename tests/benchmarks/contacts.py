"""
The runner end to end: contacts through a flow wait → branch on a rule → send, with history, consent, caps and quiet
hours, on to a provider that keeps nothing. Beside it the same rows written by SQL, and one contact a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median
from typing import Any
from unittest import mock

from crm.lib import bell
from crm.models import Topic
from journeys.flows import runner, versions
from journeys.models import Enrolment, Flow, StepVisit
from messaging.models import ChannelSettings, Message
from tests.benchmarks import shop, sink, sql
from tests.benchmarks.crew import Crew
from tests.benchmarks.harness import ROUNDS, Rate, row, scaled, timed

NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)  # noon in Bangkok: no quiet hours
DUE = NOW + timedelta(hours=1)
STEPS = 3
# In each round, shared by the crews; five rounds are a hundred thousand.
CONTACTS = scaled(20_000)
BY_SQL, ONE_BY_ONE = scaled(5_000), 200
TEXT = "Hello {{ customer.first_name }}"


@dataclass(frozen=True, slots=True)
class Lap:
    """How long these contacts took to enter, to come to the ledger, and to be sent; in seconds."""

    contacts: int
    entering: float
    stepping: float
    sending: float
    tasks: int
    kilobytes: int

    @property
    def whole(self) -> float:
        return self.entering + self.stepping + self.sending


def rows() -> list[dict[str, str]]:
    flow = prepare()
    sizes = (1, 2) if sql.is_postgres() else (1,)
    people = add_people((ROUNDS + 1) * (CONTACTS + BY_SQL + ONE_BY_ONE))
    crews = [Crew(size) for size in sizes]
    laps: dict[int, list[Lap]] = {size: [] for size in sizes}
    by_sql: list[float] = []
    one_by_one: list[float] = []
    for number in range(ROUNDS + 1):
        found = {crew.size: run_lap(crew, list(islice(people, CONTACTS // len(sizes)))) for crew in crews}
        _check(flow)
        plain = _from_entered(crews[0], list(islice(people, BY_SQL)), lambda: _by_hand(flow))
        lonely = _from_entered(crews[0], list(islice(people, ONE_BY_ONE)), _one_by_one)
        if number == 0:
            sql.run("ANALYZE")
            continue  # the warm-up
        for size, lap in found.items():
            laps[size].append(lap)
        by_sql.append(plain)
        one_by_one.append(lonely)
    for crew in crews:
        crew.dismiss()
    return _said(laps, Rate(median(by_sql), "contacts"), Rate(median(one_by_one), "contacts"))


def _said(laps: dict[int, list[Lap]], by_sql: Rate, one_by_one: Rate) -> list[dict[str, str]]:
    found = []
    for size, of_size in laps.items():
        crew = f"{size} worker{'s' if size > 1 else ''}"
        whole, stepping = _rate(of_size, lambda lap: lap.whole), _rate(of_size, lambda lap: lap.stepping)
        must, goal = ("≥ 2,440 contacts/s", "≥ 6,100") if size == len(laps) else ("", "")
        found += [
            row(f"contacts entered → steps → sent to nowhere, {crew}", whole, must=must, goal=goal),
            row(f"… of which entering, {crew}", _rate(of_size, lambda lap: lap.entering)),
            row(f"… of which steps of wait → branch → send, beside SQL by hand, {crew}", stepping, by_sql),
            row(f"… of which sending: policy, text, results, {crew}", _rate(of_size, lambda lap: lap.sending)),
            row(f"steps, {crew}", Rate(STEPS * stepping.per_second, "steps")),
        ]
    first, last = min(laps), max(laps)
    stepping = _rate(laps[first], lambda lap: lap.stepping)
    found.append(row("steps: batches of 500 beside one contact a transaction, 1 worker", stepping, one_by_one))
    if last > first:
        both = _rate(laps[last], lambda lap: lap.stepping)
        found.append(row("steps: 2 workers beside 1", both, stepping, "1.3", "1.5"))
    tasks = max(lap.tasks * 1000 / (lap.contacts * STEPS) for of_size in laps.values() for lap in of_size)
    found.append(row("tasks and bells for 1,000 steps", f"{tasks:.2f}", must="≤ 2", goal="≤ 1"))
    return found


def _rate(laps: list[Lap], seconds: Callable[[Lap], float]) -> Rate:
    return Rate(median(lap.contacts / seconds(lap) for lap in laps), "contacts")


def prepare() -> Flow:
    """The live flow, and the sink at its end."""
    sink.install()
    ChannelSettings.objects.filter(channel="sms").update(provider=sink.NAME)
    return publish()


def publish() -> Flow:
    flow = versions.create_flow(slug="bench", name="Bench", definition=_definition(), now=NOW)
    versions.publish(flow, actor=None, now=NOW)
    flow.refresh_from_db()
    return flow


def _definition() -> dict[str, Any]:
    rule = {"purchases": {"count": {"gte": 1}}}
    return {
        "trigger": {"manual": True},
        "reentry": {"policy": "always"},
        "steps": [
            {"id": "settle", "type": "wait", "for": "PT1H"},
            {"id": "who", "type": "branch", "paths": [{"name": "buyers", "if": rule, "steps": []}], "else": []},
            {"id": "ask", "type": "send", "channel": "sms", "body": TEXT, "topic": _topic().slug},
        ],
    }


def _topic() -> Topic:
    topic = Topic.objects.filter(is_marketing=True).order_by("pk").first()
    assert topic is not None
    return topic


def add_people(n: int) -> Iterator[int]:
    return iter(shop.add_people(n, now=NOW, topic=_topic()))


def run_lap(crew: Crew, people: list[int]) -> Lap:
    entering, _ = crew.do("enter", now=NOW, people=people)
    stepping, replies = crew.do("run", now=DUE)
    sending, _ = crew.do("send", now=DUE)
    return Lap(
        len(people),
        entering,
        stepping,
        sending,
        tasks=sum(reply["tasks"] + reply["rung"] for reply in replies),
        kilobytes=max(reply["kilobytes"] for reply in replies),
    )


def _from_entered(crew: Crew, people: list[int], work: Callable[[], int]) -> float:
    """How many contacts a second `work` takes on, of people who have entered."""
    crew.do("enter", now=NOW, people=people)
    rate = timed(work)
    crew.do("send", now=DUE)
    return rate


def _check(flow: Flow) -> None:
    """Everybody has come to the end, by all their steps, and nothing waits to be sent."""
    inside = Enrolment.objects.filter(flow=flow)
    assert not inside.exclude(state="completed").exists()
    assert StepVisit.objects.filter(flow=flow).count() == STEPS * inside.count()
    assert set(Message.objects.values_list("state", flat=True).distinct()) == {"sent", "withheld"}


# --- Floors -------------------------------------------------------------------------------------


def _one_by_one() -> int:
    """The same runner as somebody would write it who thinks of one contact at a time."""
    with mock.patch.object(runner, "BATCH", 1), bell.silenced():
        return runner.run_due(now=DUE, limit=10**9).total()


def _by_hand(flow: Flow) -> int:
    """The same rows, five hundred contacts a transaction."""
    done = 0
    while n := sql.in_one_transaction(*_batch_by_hand(flow)):
        done += n
    return done


def _batch_by_hand(flow: Flow) -> Iterator[str]:
    now, skip = sql.at(DUE), "FOR UPDATE OF e SKIP LOCKED" if sql.is_postgres() else ""
    yield "CREATE TEMPORARY TABLE IF NOT EXISTS batch (id BIGINT, customer_id BIGINT, phone TEXT, arrived_at TEXT)"
    yield "DELETE FROM batch"
    yield (
        "INSERT INTO batch SELECT e.id, e.customer_id, c.phone, e.arrived_at FROM journeys_enrolment e "
        f"JOIN crm_customer c ON c.id = e.customer_id WHERE e.state = 'active' AND NOT e.is_paused "
        f"AND e.due_at <= {now} ORDER BY e.due_at, e.id LIMIT 500 {skip}"
    )
    bought = "EXISTS (SELECT 1 FROM crm_purchase p WHERE p.customer_id = batch.customer_id)"
    moment = "::timestamptz" if sql.is_postgres() else ""
    outcomes = (("settle", "'waited'"), ("who", f"CASE WHEN {bought} THEN 'path' ELSE 'else' END"), ("ask", "'queued'"))
    for step, outcome in outcomes:
        yield (
            "INSERT INTO journeys_stepvisit (enrolment_id, flow_id, step, visit, outcome, detail, arrived_at, left_at) "
            f"SELECT id, {flow.pk}, '{step}', 1, {outcome}, '{{}}', arrived_at{moment}, {now} FROM batch"
        )
    cause = '\'{"kind": "flow", "enrolment": \' || id || \'}\''
    yield (
        "INSERT INTO messaging_message (public_id, dedupe_key, customer_id, channel, topic_id, lane, address, "
        "address_hash, language, source_subject, source_body, is_literal, context, subject, body, html, segments, "
        "cause, priority, over_cap, is_answer, state, reason, detail, attempts, crashes, queued_at, planned_at, "
        "due_at, provider, provider_reference, lease_token) "
        f"SELECT {sql.uuid()}, 'enrolment:' || id || ':ask:1', customer_id, 'sms', {_topic().pk}, 1, phone, phone, "
        f"'th', '', '{TEXT}', {sql.false()}, '{{}}', '', '', '', 0, {sql.as_json(cause)}, 0, 'skip', {sql.false()}, "
        f"'queued', '', '', 0, 0, {now}, {now}, {now}, '', '', '' FROM batch"
    )
    yield (
        f"UPDATE journeys_enrolment SET state = 'completed', stand = '', step = 'ask', due_at = NULL, ended_at = {now} "
        "WHERE id IN (SELECT id FROM batch)"
    )
