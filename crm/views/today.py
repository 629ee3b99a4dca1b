"""Today: what waits, what happened, and the search across everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm import extensions
from crm.access.guards import staff_of, staff_required
from crm.access.roles import may
from crm.lib.paging import bounded_count
from crm.models import Task, User
from crm.selectors import search as finding
from crm.selectors import today as queues
from crm.services import work
from crm.views.parts import done, found, next_url

ROWS = 6


@dataclass(frozen=True, slots=True)
class Section:
    """A section with the rows it shows; `total` may be 1001 for "more than 1000"."""

    section: extensions.WorkSection
    items: list[extensions.WorkItem]
    total: int
    url: str


@require_GET
@staff_required("customers.view")
def today(request: HttpRequest) -> HttpResponse:
    """The work queues of every app, and how the shop does this week."""
    user, now = staff_of(request), timezone.now()
    sections = [_section(section, user, now) for section in extensions.work_sections() if may(user, section.permission)]
    cards = [
        {"template": card.template, "context": context}
        for card in extensions.dashboard_cards()
        if may(user, card.permission) and (context := card.context(user, now)) is not None
    ]
    week = now - timedelta(days=7)
    return render(
        request,
        "crm/today.html",
        {
            "sections": [section for section in sections if section.items],
            "clear": [section.section for section in sections if not section.items],
            "waiting": sum(section.total for section in sections),
            "cards": cards,
            "new_customers": bounded_count(queues.new_customers(user, week)),
            "new_purchases": bounded_count(queues.purchases_since(user, week)),
        },
    )


def _section(section: extensions.WorkSection, user: User, now: datetime) -> Section:
    items, total = section.items(user, now, ROWS)
    return Section(section, items, total, reverse(section.url) if section.url else "")


@require_POST
@staff_required("tasks.edit")
def task_done(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Tick a task off, on Today or on the customer's page; perhaps with what came of it."""
    task = found(Task.objects.for_user(staff_of(request)), public_id)
    outcome = request.POST.get("outcome", "")
    if len(outcome) > Task.OUTCOME_LENGTH:
        raise BadRequest(_("That is too long for an outcome."))
    work.complete_task(task, now=timezone.now(), outcome=outcome)
    return _acted(request, _("Done: %(task)s") % {"task": task.title})


@require_POST
@staff_required("tasks.edit")
def task_reopen(request: HttpRequest, public_id: UUID) -> HttpResponse:
    task = found(Task.objects.for_user(staff_of(request)), public_id)
    work.reopen_task(task)
    return _acted(request, _("Open again: %(task)s") % {"task": task.title})


def _acted(request: HttpRequest, text: str) -> HttpResponse:
    return done(request, text, next_url(request, reverse("crm:today")))


@require_GET
@staff_required("customers.view")
def search(request: HttpRequest) -> HttpResponse:
    """People, orders and tickets by any fragment."""
    query = finding.clean(request.GET.get("q", ""))
    result = finding.find_anything(query, staff_of(request))
    return render(request, "crm/search.html", {"query": query, "found": result, "most": finding.MOST})
