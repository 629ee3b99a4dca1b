"""
Run a draft over what really happened, without sending: how many would have entered, and what they would have got.

The lives are walked by the interpreter, the messages judged by the policy, the texts measured by the renderer; only the
rows are missing. Rules are asked as of the time, as far as the log tells: tags, attributes, consents and records are
those of today, and nothing that the flow would have changed is seen by its rules.

Customers do not touch one another's runs, so they are tried a part at a time: `begin`, then `add_part` until it says
that nobody is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from journeys.flows.definition import parse_definition
from journeys.flows.plan import KeyedRule, Plan
from journeys.flows.steps import Send
from journeys.simulation.backtest import mail, past
from journeys.simulation.backtest.lives import live_through
from journeys.simulation.backtest.report import Report, count_lives, count_messages
from journeys.simulation.backtest.rules import Rulings
from messaging.outbox.facts import Rules

LONGEST = timedelta(days=365)
MOST_EVENTS = 200_000
PART = 4_000  # events, about: seconds, and on a busy machine still well within what a task may take


class CannotBacktest(ValueError):
    """The flow cannot be tried on the past; the message says why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """
    What is tried on which past.

    Attributes:
        slug: of the flow it belongs to: its shares of holdout and splits are drawn by it.
        rules: of sending.
        most: of the events that start it the latest so many are tried.
    """

    plan: Plan
    slug: str
    since: datetime
    until: datetime
    rules: Rules
    most: int = MOST_EVENTS


def trial_of(
    definition: Any, *, since: datetime, until: datetime, slug: str = "", rules: Rules | None = None,
    most: int = MOST_EVENTS,
) -> Trial:  # fmt: skip
    """
    `definition`, known to have no faults, on the time from `since` to `until`; with the shop's rules unless given.

    Raises:
        CannotBacktest: no event starts it, or the time is longer than a year.
        InvalidDefinition: it cannot be read.
    """
    plan = Plan(parse_definition(definition))
    if not plan.trigger:
        raise CannotBacktest(_("Only a flow that an event or a stage starts can be tried on the past."))
    if not timedelta(0) < until - since <= LONGEST:
        raise CannotBacktest(_("The time to look back is from a day to a year."))
    return Trial(plan, slug, since, until, rules or Rules.current(), most)


def backtest(
    definition: Any, *, days: int, now: datetime, slug: str = "", rules: Rules | None = None, most: int = MOST_EVENTS
) -> Report:
    """All of it at once, over the last `days` days; 100,000 events take about a minute. Raises as `trial_of`."""
    trial = trial_of(definition, since=now - timedelta(days=days), until=now, slug=slug, rules=rules, most=most)
    report = begin(trial)
    last: int | None = 0
    while last is not None:
        last, _done = add_part(report, trial, after=last, size=most)
    return report


def begin(trial: Trial) -> Report:
    """A report that knows how many events there are, and nobody's life yet."""
    counted, fresh = past.count_starting(trial.plan, since=trial.since, until=trial.until)
    return Report(trial.since, trial.until, counted, min(fresh, trial.most), counted - fresh)


def add_part(report: Report, trial: Trial, *, after: int, size: int = PART) -> tuple[int | None, int]:
    """
    Try it on the customers behind the number `after`, so many that they bring about `size` events.

    Returns the last customer's number, None when nobody is left, and how many events it was.
    """
    plan, until = trial.plan, trial.until
    part = past.part(plan, since=trial.since, until=until, most=trial.most, after=after, size=size)
    slots = past.slots(part.events, plan, until=until, fallback=trial.rules.shop.time_zone)
    report.refused["person"] += len(part.events) - sum(len(slot.entries) for slot in slots)
    audience = KeyedRule.of(plan.definition.audience)
    lives_asking = [live_through(slot, plan, audience, slug=trial.slug, until=until) for slot in slots]
    Rulings(trial.since, until).run(lives_asking)
    lives = [life for slot in slots for life in slot.lives]
    wanted = sorted((message for life in lives for message in life.messages), key=lambda message: message.at)
    sends = {step.id: step for step in plan.steps.values() if isinstance(step, Send)}
    fates = mail.judge(wanted, sends, trial.rules, since=trial.since, until=until)
    count_lives(report, slots, lives)
    count_messages(report, fates, ZoneInfo(trial.rules.shop.time_zone))
    return part.last, len(part.events)
