"""Answer the questions of many runs at once: one query per distinct rule, one for all events, few for the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from crm.lib.among import Among
from crm.models import Customer, Event
from crm.rules import matches, properties
from crm.selectors.promotions import why_not
from journeys.facts import Fact
from journeys.flows import orders
from journeys.flows.listening import CLOSED
from journeys.flows.plan import KeyedRule, Plan
from journeys.flows.steps.base import (
    AttributeValue,
    CouponRefused,
    Happened,
    Occurrence,
    OrderBehind,
    Question,
    RuleHolds,
    WayClosed,
)
from journeys.models import Enrolment
from messaging.outbox.queue import MessageRequest
from messaging.outbox.reach import why_closed

Asked = tuple[Enrolment, Plan, Sequence[Question]]
Answers = dict[int, dict[Question, Any]]  # by enrolment

DATE_FIELDS = ("birthday", "created_at", "last_seen_at")


def answer(asked: Sequence[Asked], *, now: datetime) -> Answers:
    """What each run must know to go on, as the database stands now."""
    answers: Answers = {row.pk: {} for row, _, _ in asked}
    _rules(asked, answers, now)
    _events(asked, answers)
    _dates(asked, answers)
    _orders(asked, answers)
    _coupons(asked, answers, now)
    _ways(asked, answers, now)
    return answers


def _rules(asked: Sequence[Asked], answers: Answers, now: datetime) -> None:
    wanted: dict[KeyedRule, list[tuple[Enrolment, RuleHolds]]] = defaultdict(list)
    for row, plan, questions in asked:
        for question in questions:
            if isinstance(question, RuleHolds):
                wanted[plan.rule(question.step, question.key)].append((row, question))
    for keyed, of_rule in wanted.items():
        holding = matches(keyed.rule, {row.customer_id for row, _ in of_rule}, now=now)
        for row, question in of_rule:
            answers[row.pk][question] = row.customer_id in holding


def _events(asked: Sequence[Asked], answers: Answers) -> None:
    wanted = [
        (row, plan, question)
        for row, plan, questions in asked
        for question in questions
        if isinstance(question, Happened)
    ]
    if not wanted:
        return
    rows = (
        Event.objects.filter(
            Among("customer", (row.customer_id for row, _, _ in wanted)),
            name__in={question.event for _, _, question in wanted},
            occurred_at__gte=min(question.since for _, _, question in wanted),
            occurred_at__lt=max(question.before for _, _, question in wanted),
        )
        .order_by("occurred_at", "pk")
        .values_list("customer", "pk", "name", "occurred_at", "properties")
    )
    facts: dict[int, list[Fact]] = defaultdict(list)
    for customer, pk, name, at, event_properties in rows:
        facts[customer].append(Fact(pk, name, at, event_properties))
    for row, plan, question in wanted:
        answers[row.pk][question] = first_of(
            facts.get(row.customer_id, ()), question, plan=plan, key=row.key, started_by=row.event_id
        )


def first_of(
    facts: Iterable[Fact], question: Happened, *, plan: Plan, key: str, started_by: int | None
) -> Occurrence | None:
    """
    The first of `facts`, in the order they occurred, that answers `question` of a run with this key.

    Args:
        started_by: the event that began the run; it is not what the run waits for.
    """
    for fact in facts:
        if (
            fact.name == question.event
            and question.since <= fact.at < question.before
            and fact.id != started_by
            and plan.concerns(fact, key)
            and properties.matches(question.where, fact.properties)
        ):
            return Occurrence(fact.id, fact.at)
    return None


def _dates(asked: Sequence[Asked], answers: Answers) -> None:
    wanted = [
        (row, question) for row, _, questions in asked for question in questions if isinstance(question, AttributeValue)
    ]
    if not wanted:
        return
    customers = {row.customer_id for row, _ in wanted}
    records = {
        record["pk"]: record
        for record in Customer.objects.filter(Among("pk", customers)).values("pk", "attributes", *DATE_FIELDS)
    }
    for row, question in wanted:
        answers[row.pk][question] = date_of(records.get(row.customer_id, {}), question.name)


def _orders(asked: Sequence[Asked], answers: Answers) -> None:
    wanted = [
        (row, question) for row, _, questions in asked for question in questions if isinstance(question, OrderBehind)
    ]
    if not wanted:
        return
    began = [orders.Beginning(row.customer_id, row.event_id, row.context.get("event") or {}) for row, _ in wanted]
    for (row, question), order in zip(wanted, orders.behind(began), strict=True):
        answers[row.pk][question] = order


def _coupons(asked: Sequence[Asked], answers: Answers, now: datetime) -> None:
    wanted: dict[str, list[tuple[Enrolment, CouponRefused]]] = defaultdict(list)
    for row, _, questions in asked:
        for question in questions:
            if isinstance(question, CouponRefused):
                wanted[question.promotion].append((row, question))
    if not wanted:
        return
    customers = {slug: {row.customer_id for row, _ in of_slug} for slug, of_slug in wanted.items()}
    refused = why_not(customers, now=now)
    for slug, of_slug in wanted.items():
        for row, question in of_slug:
            answers[row.pk][question] = refused.get((slug, row.customer_id), "")


def _ways(asked: Sequence[Asked], answers: Answers, now: datetime) -> None:
    wanted = [
        (row, question) for row, _, questions in asked for question in questions if isinstance(question, WayClosed)
    ]
    requests = [
        MessageRequest(
            customer_id=row.customer_id,
            channel=question.channels[0],
            fallback=question.channels[1:],
            topic=question.topic,
            template=question.template,
            body="" if question.template else "-",
            dedupe_key="",
        )
        for row, question in wanted
    ]
    for (row, question), reason in zip(wanted, why_closed(requests, now=now), strict=True):
        answers[row.pk][question] = reason if reason in CLOSED else ""


def date_of(record: Mapping[str, Any], name: str) -> str | None:
    """A field of the record or a custom attribute, as ISO text."""
    value = record.get(name) if name in DATE_FIELDS else record.get("attributes", {}).get(name)
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else None
