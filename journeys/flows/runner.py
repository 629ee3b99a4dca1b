"""
Take the steps that are due: claim a batch, walk each run through the interpreter, write everything in bulk.

One transaction a batch. A crash rolls it back and nothing is half done; a run that raises is set aside as failed, with
its trace, and the rest of the batch is done again without it.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from crm.events import log
from crm.lib import zones
from crm.models import Shop
from journeys.flows import answers, interpreter, plans, punctuality, rows
from journeys.flows.effects import PERFORMERS, Order
from journeys.flows.interpreter import NO_FACTS, Outcome, Planned, State, Status
from journeys.flows.listening import RULE, ruled_out
from journeys.flows.plan import KeyedRule, Plan
from journeys.flows.steps.base import Effect, Facts, Question
from journeys.flows.steps.coupon import PutCoupon
from journeys.flows.steps.enrol import EnterFlow, LeaveFlow
from journeys.models import Enrolment, Flow, StepVisit
from messaging.outbox import cancel, restores

logger = logging.getLogger("waymark.journeys")

BATCH = 500
MERGED, ERASED = "merged into another record", "erased"
# What these do to runs, perhaps of this very batch, they do once all of it is written; leaving comes before entering.
_LAST: tuple[type[Effect], ...] = (LeaveFlow, EnterFlow)
# A coupon step asks before it gives, so its code is the first thing a run wants done in a round; what it queues in the
# same round is to know the code.
_FIRST: type[Effect] = PutCoupon
_ENDS = {Status.COMPLETED: Enrolment.State.COMPLETED, Status.EXITED: Enrolment.State.EXITED}


@dataclass(slots=True)
class _Run:
    """An enrolment on its way through one batch."""

    row: Enrolment
    flow: Flow
    plan: Plan
    zone: ZoneInfo
    state: State
    due_at: datetime
    # The time it lives in: its own where the database was restored and has lost that time, so that it takes the steps
    # it took then at the distances they had; else now.
    at: datetime
    outcome: Outcome | None = None
    visits: list[StepVisit] = field(default_factory=list)
    facts: Facts = field(default_factory=lambda: NO_FACTS)

    @property
    def who(self) -> str:
        return f"{self.flow.slug}:{self.row.customer_id}"


def run_due(*, now: datetime, limit: int) -> Counter[str]:
    """
    Take the steps of up to `limit` runs that are due, longest overdue first.

    Several workers at once share the work and never take the same step twice.

    Returns:
        How many runs now rest, completed, exited and failed.
    """
    counts: Counter[str] = Counter()
    left = limit
    while left > 0:
        batch = _run_batch(now, min(BATCH, left))
        if not batch:
            break
        counts += batch
        left -= batch.total()
    return counts


@transaction.atomic
def _run_batch(now: datetime, limit: int) -> Counter[str]:
    claimed = list(Enrolment.objects.due(now).with_customer().locked(skip=True)[:limit])
    if not claimed:
        return Counter()
    punctuality.note(claimed, now=now)
    return take(claimed, now=now)


def take(claimed: Sequence[Enrolment], *, now: datetime) -> Counter[str]:
    """
    Take the steps of `claimed` runs, which are due, `with_customer` and locked by the caller's transaction.

    Done in a savepoint; when it fails, its halves are done, down to the run that is to blame.
    """
    contexts = [row.context for row in claimed]
    try:
        with transaction.atomic(), log.gathered(now=now):
            return _work(claimed, now)
    except Exception as error:
        if _is_rivalry(error):
            raise
        for row, context in zip(claimed, contexts, strict=True):
            row.context = context  # what was gathered has been taken back
        if len(claimed) == 1:
            logger.exception("enrolment %s failed", claimed[0].pk)
            return _set_aside(claimed[0], error, now)
        half = len(claimed) // 2
        return take(claimed[:half], now=now) + take(claimed[half:], now=now)


def _is_rivalry(error: Exception) -> bool:
    """Another transaction was in the way (PostgreSQL: a deadlock, or a serialization failure): try again."""
    return getattr(error.__cause__, "sqlstate", "") in {"40001", "40P01"}


def _set_aside(row: Enrolment, error: Exception, now: datetime) -> Counter[str]:
    trace = "".join(traceback.format_exception(error))
    rows.write({row.pk: rows.failed(rows.state_of(row), now=now, error=trace, goal_at=row.goal_at)}, [])
    return Counter({Enrolment.State.FAILED.value: 1})


def _work(claimed: Sequence[Enrolment], now: datetime) -> Counter[str]:
    """What is done may come back as a fact, such as a stage reached: that is reacted to when all runs stand again."""
    runs = _loaded(claimed, now)
    ended, going = _stopped(runs, now)
    later: list[Order[Effect]] = []
    walking = going
    while walking:
        asking: list[_Run] = []
        orders: list[Order[Effect]] = []
        for run in walking:
            run.outcome = outcome = interpreter.walk(
                run.plan, run.state, now=run.at, zone=run.zone, facts=run.facts, who=run.who
            )
            run.state = outcome.state
            run.visits += [rows.visit_row(run.row, visit) for visit in outcome.visits]
            orders += [_order(run, planned) for planned in outcome.effects]
            if outcome.status is Status.ASKING:
                asking.append(run)
        # What changes the customer is done before the next question is put.
        _perform([order for order in orders if type(order.effect) not in _LAST], now)
        later += [order for order in orders if type(order.effect) in _LAST]
        answered = answers.answer([(run.row, run.plan, _questions(run)) for run in asking], now=now) if asking else {}
        for run in asking:
            run.facts = answered[run.row.pk]
        walking = asking
    done = [*ended, *((run, _columns(run, now)) for run in going)]
    rows.write({run.row.pk: row for run, row in done}, [visit for run, _ in done for visit in run.visits])
    _perform(sorted(later, key=lambda order: _LAST.index(type(order.effect))), now)
    return Counter("resting" if row["state"] == "active" else row["state"] for _, row in done)


def _loaded(claimed: Sequence[Enrolment], now: datetime) -> list[_Run]:
    versions = plans.versions({row.version_id for row in claimed})
    lost = restores.lost()
    fallback = Shop.current().time_zone
    return [
        _Run(
            row=row,
            flow=versions[row.version_id].flow,
            plan=plans.plan_of(versions[row.version_id]),
            zone=zones.zone(row.time_zone, fallback),
            state=state,
            due_at=due_at,
            at=max(due_at, state.arrived_at) if restores.when_lost(due_at, lost) else now,
        )
        for row in claimed
        for state in (rows.state_of(row),)
        for due_at in (min(state.woken_by.at if state.woken_by else state.due_at, now),)
    ]


def _stopped(runs: Sequence[_Run], now: datetime) -> tuple[list[tuple[_Run, rows.Row]], list[_Run]]:
    """Runs that end before they take another step, with their columns; and the others."""
    out = ruled_out([(run.plan, run.row.customer_id) for run in runs], now)
    ended: list[tuple[_Run, rows.Row]] = []
    going: list[_Run] = []
    for run in runs:
        reason = _stop(run, out)
        if reason:
            run.visits.append(rows.interrupted(run.row, run.state, now=now, reason=reason))
            as_ = Enrolment.State.EXITED
            ended.append((run, rows.ended(run.state, now=now, as_=as_, reason=reason, goal_at=run.row.goal_at)))
        else:
            going.append(run)
    if ended:
        over = [run.row for run, _ in ended]
        cancel.cancel_queued(
            customer_ids={row.customer_id for row in over}, enrolment_ids=[row.pk for row in over], now=now
        )
    return ended, going


def _stop(run: _Run, out: Mapping[KeyedRule, Collection[int]]) -> str:
    if run.row.merged_into is not None:
        return MERGED
    if run.row.erased_at is not None:
        return ERASED
    return RULE if any(run.row.customer_id in out[keyed] for keyed in run.plan.exit_rules) else ""


def _columns(run: _Run, now: datetime) -> rows.Row:
    outcome = run.outcome
    if outcome is None or outcome.status is Status.RESTING:
        return rows.under_way(run.state, goal_at=run.row.goal_at)
    as_ = _ENDS[outcome.status]
    return rows.ended(run.state, now=now, as_=as_, reason=outcome.reason, goal_at=run.row.goal_at)


def _questions(run: _Run) -> Sequence[Question]:
    return run.outcome.questions if run.outcome else ()


def _order(run: _Run, planned: Planned) -> Order[Effect]:
    return Order(run.flow, run.row, planned.step, planned.visit, planned.effect, run.due_at)


def _perform(orders: Sequence[Order[Effect]], now: datetime) -> None:
    by_kind: dict[type[Effect], list[Order[Effect]]] = defaultdict(list)
    for order in orders:
        by_kind[type(order.effect)].append(order)
    for kind in sorted(by_kind, key=lambda kind: kind is not _FIRST):
        PERFORMERS[kind](by_kind[kind], now)
