"""The people behind the numbers of the map, the board, the funnel and the cohorts: one list for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NoReturn

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crm.access.guards import staff_required
from crm.lib.htmx import render_page
from crm.lib.numbers import whole
from crm.lib.paging import Sort, bounded_count
from crm.models import Customer
from crm.rules.sets import Whose
from crm.selectors.values import worth_of
from crm.views.parts import Choice, page_of
from journeys.models import Health, Journey, Position, Stage, StageMove
from journeys.selectors import cohorts, funnel, stages, values
from journeys.views.asked import Asked, asked
from journeys.views.chosen import journeys_and_chosen
from journeys.views.cohorts import cohort_choices, read
from journeys.views.funnel import window_choice
from journeys.views.stages import OUTSIDE

NEWEST_FIRST = Sort("created_at")


@dataclass(frozen=True, slots=True)
class Question:
    """Whose names are asked for: an address, read."""

    request: HttpRequest
    journey: Journey
    asked: Asked
    now: datetime

    def given(self, name: str) -> str:
        return self.request.GET.get(name, "")

    def stage(self, name: str = "stage") -> Stage:
        """The stage the address names; Http404 when there is none such."""
        slug = self.given(name)
        return next((stage for stage in self.stages() if stage.slug == slug), None) or _lost()

    def stages(self) -> list[Stage]:
        return list(self.journey.stages.select_related("journey").order_by("rank", "pk"))

    def standing(self) -> QuerySet[Position]:
        return stages.positions(self.journey, self.asked.customers)


Answer = tuple[str, QuerySet[Customer]]  # the heading, and who it is


@require_GET
@staff_required("journeys.view")
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody behind one number: `of` says which, the other parameters are those of the page that shows it."""
    now = timezone.now()
    journey = journeys_and_chosen(slug)[1] or _lost()
    kind = _KINDS.get(request.GET.get("of", "")) or _lost()
    own = kind.choices(request, journey) if kind.choices else []
    question = Question(request, journey, asked(request, now=now, more=own), now)
    title, rows = kind.answer(question)
    page = page_of(request, rows.select_related("owner"), NEWEST_FIRST)
    context = {
        "title": title,
        "about": question.asked.in_words[0 if kind.has_period else 1 :],
        "back": question.asked.link(reverse(kind.page, args=[slug])),
        "journey": journey,
        "page": page,
        "total": bounded_count(rows),
        "worth": worth_of([customer.pk for customer in page.rows]),
    }
    return render_page(request, "journeys/people.html", context)


def _whose(question: Question, standing: QuerySet[Position]) -> QuerySet[Customer]:
    return question.asked.customers.filter(Whose(standing.values("customer")))


def _here(question: Question) -> Answer:
    stage, standing = question.stage(), question.standing()
    health = question.given("health")
    if not health:
        return _("In %(stage)s now") % {"stage": stage.label}, _whose(question, standing.filter(stage=stage))
    if health not in Health.values:
        raise Http404
    title = _("In %(stage)s now: %(health)s") % {"stage": stage.label, "health": Health(health).label}
    return title, _whose(question, standing.filter(stage=stage, health=health))


def _reached(question: Question) -> Answer:
    stage, every = question.stage(), question.stages()
    beyond = question.standing().filter(stage__in=every[every.index(stage) :])
    return _("In %(stage)s or beyond it now") % {"stage": stage.label}, _whose(question, beyond)


def _held(question: Question) -> Answer:
    stage = question.stage()
    standing = stages.held(question.standing().filter(stage=stage), question.now)
    return _("Held in %(stage)s by hand") % {"stage": stage.label}, _whose(question, standing)


def _would_have(question: Question) -> Answer:
    stage = question.stage()
    standing = stages.would_have_moved(question.standing().filter(stage=stage), question.now)
    return _("Held in %(stage)s: a rule would have moved them") % {"stage": stage.label}, _whose(question, standing)


def _value(question: Question) -> Answer:
    stage, currency = question.stage(), question.given("currency")
    people = _whose(question, question.standing().filter(stage=stage))
    title = _("In %(stage)s now, with orders in %(currency)s") % {"stage": stage.label, "currency": currency[:3]}
    return title, values.with_value_in(people, currency)


def _moved(question: Question) -> Answer:
    source = None if question.given("source") == OUTSIDE else question.stage("source")
    target = question.stage("target")
    names = {"source": source.label if source else _("New"), "target": target.label}
    moves = _moves(question).filter(from_stage=source, to_stage=target)
    return _("Moved: %(source)s → %(target)s") % names, question.asked.customers.filter(
        Whose(moves.order_by().values("customer"))
    )


def _through(question: Question) -> Answer:
    stage = None if question.given("stage") == OUTSIDE else question.stage()
    moves = stages.onward(_moves(question)).filter(stages.touching(stage.pk if stage else None))
    title = _("Came to %(stage)s, or went on from it") % {"stage": stage.label} if stage else _("Came to the journey")
    return title, question.asked.customers.filter(Whose(moves.order_by().values("customer")))


def _moves(question: Question) -> QuerySet[StageMove]:
    period = question.asked.period
    return stages.moves_in(question.journey, question.asked.customers, since=period.since, until=period.until)


def _funnel(question: Question) -> Answer:
    stage, period = question.stage(), question.asked.period
    rows = funnel.members(
        question.journey, question.asked.customers, since=period.since, until=period.until, stage=stage,
        window=timedelta(days=int(question.asked.chosen("window"))),
    )  # fmt: skip
    return _("Reached %(stage)s") % {"stage": stage.label}, rows


def _cohort(question: Question) -> Answer:
    shown = read(question.journey, question.asked, question.now)
    place = cohorts.place_of(shown.edges, _day(question.given("cohort")))
    said = question.given("later")
    later = whole(said)
    if place is None or (said and (later is None or place + later >= len(shown.edges) - 1)):
        raise Http404
    rows = cohorts.members(
        shown.start, shown.reach, question.asked.customers, edges=shown.edges, place=place,
        later=later,
    )  # fmt: skip
    first = date_format(shown.edges[place], "j M Y")
    return (_("Cohort of %(day)s: came so far") if said else _("Cohort of %(day)s")) % {"day": first}, rows


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _lost()


def _lost() -> NoReturn:
    raise Http404


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of number: who is behind it, and the page that shows it with its own filters and its period."""

    answer: Callable[[Question], Answer]
    page: str = "journeys:journey"
    choices: Callable[[HttpRequest, Journey], list[Choice]] | None = None
    has_period: bool = False


_KINDS = {
    "here": Kind(_here),
    "reached": Kind(_reached),
    "held": Kind(_held),
    "would": Kind(_would_have),
    "value": Kind(_value),
    "moved": Kind(_moved, has_period=True),
    "through": Kind(_through, has_period=True),
    "funnel": Kind(_funnel, "journeys:funnel", window_choice, has_period=True),
    "cohort": Kind(_cohort, "journeys:cohorts", cohort_choices),
}
