"""
What events do to runs under way: exits, goals and withdrawn consent end them, awaited events wake them.

All of it happens in the event's own transaction, also in the middle of a wait.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from crm.lib import bell, zones
from crm.lib.among import Among
from crm.lib.reads import read_rows
from crm.models import Consent, Event, Shop
from crm.rules import matches
from journeys.events import STAGE_CHANGED
from journeys.facts import Fact
from journeys.flows import interpreter, plans, rows
from journeys.flows.interpreter import State
from journeys.flows.plan import CONSENT_CHANGED, MESSAGE_STOPPED, KeyedRule, Plan
from journeys.flows.steps import Send
from journeys.flows.steps.send import NOT_REACHABLE
from journeys.flows.steps.task import TASK_DONE
from journeys.models import Enrolment, StepVisit
from messaging.channels.reasons import Reason
from messaging.outbox import cancel

BELL = "run_due"
# A message expires a day after its step unless the step says otherwise; within this time an exit still stops it.
MAY_STILL_SEND = timedelta(days=3)
WOKEN = "woken"
GOAL, RULE, CONSENT, UNREACHABLE = "goal reached", "exit rule", "consent withdrawn", NOT_REACHABLE
# Why a message did not go out that mean: this person cannot be reached this way.
CLOSED = frozenset(
    {
        Reason.UNREACHABLE, Reason.SUPPRESSED, Reason.NO_CONSENT, Reason.OPTED_OUT, Reason.UNKNOWN_ADDRESS,
        Reason.BLOCKED,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """An enrolment with its plan, and the events it may care for, in the order they occurred."""

    row: Enrolment
    plan: Plan
    facts: Sequence[Fact]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says about the customers of a batch."""

    ruled_out: Mapping[KeyedRule, Collection[int]]  # customers for whom an exit rule holds
    holding: Mapping[KeyedRule, Collection[int]]  # customers for whom the rule they wait for holds
    withdrawn: Mapping[int, Collection[tuple[str, str]]]  # (channel, topic) opted out of, by customer


@dataclass(frozen=True, slots=True)
class Told:
    """
    What came of telling one run.

    Attributes:
        word: what it is counted as, "" for nothing.
        columns: to be written, None when the row stays as it is.
        is_over: nothing it has queued shall go out any more.
    """

    word: str = ""
    columns: rows.Row | None = None
    visits: Sequence[StepVisit] = ()
    is_over: bool = False


NOTHING = Told()


@transaction.atomic(savepoint=False)
def hear(events: Sequence[Event], *, now: datetime) -> Counter[str]:
    """
    Tell runs under way of new events; a fixed number of queries, and one per distinct rule of an exit or a wait.

    Returns:
        How many runs ended, by reason, and how many were "woken".
    """
    runs = _concerned(events, now)
    if not runs:
        return Counter()
    known = Known(
        ruled_out=ruled_out([(run.plan, run.row.customer_id) for run in runs], now),
        holding=_holding(
            ((keyed, run.row.customer_id) for run in runs if (keyed := _awaited_rule(run.row, run.plan))), now
        ),
        withdrawn=_withdrawn(runs),
    )
    told = [(run.row, _tell(run, known, now)) for run in runs]
    rows.write(
        {row.pk: what.columns for row, what in told if what.columns},
        [visit for _, what in told for visit in what.visits],
    )
    over = [row for row, what in told if what.is_over]
    if over:
        # What such a run has put on the ledger and has not gone out yet is no longer wanted.
        cancel.cancel_queued(
            customer_ids={row.customer_id for row in over}, enrolment_ids=[row.pk for row in over], now=now
        )
    counts = Counter(what.word for _, what in told if what.word)
    if counts[WOKEN]:
        bell.ring(BELL)
    return counts


def why_it_ends(plan: Plan, fact: Fact, *, key: str, entered_at: datetime) -> str:
    """The reason for which `fact` ends a run that entered then, "" when it does not: an exit or the goal."""
    if fact.at < entered_at or not plan.concerns(fact, key):
        return ""
    if plan.is_goal(fact):
        return GOAL
    return fact.name if plan.exit_on(fact) else ""


def _concerned(events: Sequence[Event], now: datetime) -> list[Run]:
    """
    The runs whose flows listen to any of these events, locked; also ended ones whose messages may still be on their way
    or whose goal still counts.

    They are looked up without a lock first, so that a batch waits for the runner only where it has something to say.
    """
    by_customer: dict[int, list[Fact]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.occurred_at, event.pk)):
        by_customer[event.customer_id].append(Fact.of(event))
    first = min(event.occurred_at for event in events)
    open_ = (
        Q(state=Enrolment.State.ACTIVE)
        | Q(state=Enrolment.State.COMPLETED, ended_at__gte=now - MAY_STILL_SEND)
        | Q(goal_at=None, goal_until__gte=first)
    )
    candidates = Enrolment.objects.filter(open_, Among("customer", by_customer)).values_list(
        "pk", "customer", "version", "stand"
    )
    versions = plans.versions({version for _, _, version, _ in candidates}) if candidates else {}
    heard: dict[int, list[Fact]] = {}
    for pk, customer, version, stand in candidates:
        plan = plans.plan_of(versions[version])
        asks = bool(plan.exit_rules) or stand == Enrolment.Stand.RULE
        facts = [fact for fact in by_customer[customer] if fact.name in plan.hears or (asks and not _is_echo(fact))]
        if facts:
            heard[pk] = facts
    if not heard:
        return []
    fallback = Shop.current().time_zone
    still = Enrolment.objects.filter(open_, Among("pk", heard)).with_time_zone().order_by("pk").select_for_update()
    return [
        Run(row, plans.plan_of(versions[row.version_id]), heard[row.pk], zones.zone(row.time_zone, fallback))
        for row in read_rows(still, leaving_out=("context",))
    ]


def _is_echo(fact: Fact) -> bool:
    """A move made by the very events that are told next: rules are asked then, with all moves made."""
    return fact.name == STAGE_CHANGED and fact.properties.get("cause") == "event"


def _tell(run: Run, known: Known, now: datetime) -> Told:
    """What the run's events do to it, one after the other."""
    row = run.row
    if row.state != Enrolment.State.ACTIVE:
        return _tell_ended(run)
    state = rows.state_of(row)
    visits: list[StepVisit] = []
    goal_at, is_woken = row.goal_at, False
    for fact in run.facts:
        outcome = (
            interpreter.wake(run.plan, state, fact, now=now, zone=run.zone) if _may_wake(run, fact, known) else None
        )
        reason = _why(run, state, fact, known)
        if reason == GOAL:
            goal_at = goal_at or fact.at
        if reason and not (outcome and reason == GOAL):
            columns = rows.ended(state, now=now, as_=Enrolment.State.EXITED, reason=reason, goal_at=goal_at)
            visits.append(rows.interrupted(row, state, now=now, reason=reason))
            return Told(reason, columns, visits, is_over=True)
        if outcome:
            # The goal itself may be what the run waits for: then it is counted, and the step's own path is taken.
            state, is_woken = outcome.state, True
            visits += [rows.visit_row(row, visit) for visit in outcome.visits]
    return Told(WOKEN, rows.under_way(state, goal_at=goal_at), visits) if is_woken else NOTHING


def _tell_ended(run: Run) -> Told:
    """A run that is over still converts when the goal is reached in time, and an exit still stops its messages."""
    row = run.row
    for fact in run.facts:
        reason = why_it_ends(run.plan, fact, key=row.key, entered_at=row.entered_at)
        if reason == GOAL and row.goal_at is None and row.goal_until and fact.at <= row.goal_until:
            columns = {name: getattr(row, name) for name in rows.COLUMNS} | {"goal_at": fact.at}
            return Told(GOAL, columns, is_over=True)
        if reason:
            return Told(is_over=True)
    return NOTHING


def _may_wake(run: Run, fact: Fact, known: Known) -> bool:
    """Not an event of another order or cart, nor any event while the rule the run waits for does not hold."""
    keyed = _awaited_rule(run.row, run.plan)
    if keyed:
        return run.row.customer_id in known.holding[keyed]
    return run.plan.concerns(fact, run.row.key) and _names_run(fact, run.row)


def _awaited_rule(row: Enrolment, plan: Plan) -> KeyedRule | None:
    """The rule that a run rests on, if it does."""
    return plan.rule(row.step, "rule") if row.stand == Enrolment.Stand.RULE else None


def _names_run(fact: Fact, row: Enrolment) -> bool:
    """A task that is done names the run that opened it, if one did (journeys.flows.effects.base.Order.key)."""
    return fact.name != TASK_DONE or fact.text("task").startswith(f"enrolment:{row.pk}:")


def _why(run: Run, state: State, fact: Fact, known: Known) -> str:
    """The reason for which `fact` ends the run, "" when it does not."""
    ends = why_it_ends(run.plan, fact, key=run.row.key, entered_at=run.row.entered_at)
    if ends:
        return ends
    customer = run.row.customer_id
    if any(customer in known.ruled_out[keyed] for keyed in run.plan.exit_rules):
        return RULE
    if fact.name == CONSENT_CHANGED:
        ahead = run.plan.sends_ahead(state.step)
        return CONSENT if ahead and ahead <= set(known.withdrawn.get(customer, ())) else ""
    return UNREACHABLE if fact.name in MESSAGE_STOPPED and _was_ours(run, fact) else ""


def _was_ours(run: Run, fact: Fact) -> bool:
    """Did one of this run's messages find nobody, at a step that then gives up?"""
    cause = fact.properties.get("cause") or {}
    step = run.plan.steps.get(cause.get("step", ""))
    return (
        cause.get("enrolment") == run.row.pk
        and isinstance(step, Send)
        and step.if_unreachable == "exit"
        and fact.properties.get("reason") in CLOSED
    )


def ruled_out(customers_of: Iterable[tuple[Plan, int]], now: datetime) -> dict[KeyedRule, set[int]]:
    """For each distinct exit rule of these plans, the customers it holds for: one query a rule."""
    return _holding(((keyed, customer) for plan, customer in customers_of for keyed in plan.exit_rules), now)


def _holding(asked: Iterable[tuple[KeyedRule, int]], now: datetime) -> dict[KeyedRule, set[int]]:
    """Which customers each rule holds for; one query a rule."""
    customers_of: dict[KeyedRule, set[int]] = defaultdict(set)
    for keyed, customer in asked:
        customers_of[keyed].add(customer)
    return {keyed: matches(keyed.rule, customers, now=now) for keyed, customers in customers_of.items()}


def _withdrawn(runs: Sequence[Run]) -> dict[int, set[tuple[str, str]]]:
    customers = {run.row.customer_id for run in runs if any(fact.name == CONSENT_CHANGED for fact in run.facts)}
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    if customers:
        rows_ = Consent.objects.filter(Among("customer", customers), state="out")
        for customer, channel, topic in rows_.values_list("customer", "channel", "topic__slug"):
            found[customer].add((channel, topic))
    return found
