"""crm's sections of Today: what waits for somebody to act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.access.contacts import name_for
from crm.access.roles import may
from crm.extensions import WorkAction, WorkItem, WorkSection, add_work_section
from crm.lib.paging import first_few
from crm.models import FailedReaction, Purchase, Review, Task, Ticket, User
from crm.selectors import today
from crm.selectors.calls import given_up


def task_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    tasks, total = first_few(today.tasks_due(user, now), limit)
    return [_task(task, user, now) for task in tasks], total


def ticket_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    tickets, total = first_few(today.unanswered_tickets(user), limit)
    return [_ticket(ticket, user) for ticket in tickets], total


def late_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    purchases, total = first_few(today.late_deliveries(user, now), limit)
    return [_late(purchase, user, now) for purchase in purchases], total


def moderation_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    reviews, total = first_few(today.reviews_to_moderate(user), limit)
    publishes = may(user, "reviews.moderate")
    return [_review(review, user, publishes=publishes) for review in reviews], total


def answer_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    reviews, total = first_few(today.reviews_to_answer(user, now), limit)
    return [_review(review, user, publishes=False) for review in reviews], total


def failure_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    failures, total = first_few(today.failed_reactions(), limit)
    return [_failure(failed) for failed in failures], total


def _task(task: Task, user: User, now: datetime) -> WorkItem:
    done = reverse("crm:task_done", args=[task.public_id])
    return WorkItem(
        title=task.title,
        url=task.customer.get_absolute_url() if task.customer else "",
        detail=name_for(task.customer, user) if task.customer else "",
        at=task.due_at,
        tone="bad" if task.due_at and task.due_at < now else "",
        action=WorkAction(_("Done"), done) if may(user, "tasks.edit") else None,
        outcomes=task.outcomes if may(user, "tasks.edit") else (),
    )


def _ticket(ticket: Ticket, user: User) -> WorkItem:
    urgent = ticket.is_complaint or ticket.priority in (Ticket.Priority.HIGH, Ticket.Priority.URGENT)
    return WorkItem(
        title=ticket.subject,
        url=ticket.get_absolute_url(),
        detail=f"{name_for(ticket.customer, user)} · {ticket.get_kind_display()}",
        at=ticket.last_message_at,
        tone="bad" if urgent else "",
    )


def _late(purchase: Purchase, user: User, now: datetime) -> WorkItem:
    days = purchase.days_late(now)
    late = ngettext("%(n)s day late", "%(n)s days late", days) % {"n": days} if days else _t("late since today")
    shipped = reverse("crm:purchase_arrived", args=[purchase.public_id])
    return WorkItem(
        title=_t("Order %(number)s") % {"number": purchase.reference},
        url=purchase.get_absolute_url(),
        detail=f"{name_for(purchase.customer, user)} · {late}",
        at=purchase.promised_at,
        tone="bad",
        action=WorkAction(_("Delivered"), shipped, "truck") if may(user, "purchases.edit") else None,
    )


def _review(review: Review, user: User, *, publishes: bool) -> WorkItem:
    stars: Any = "★" * review.rating if review.rating else review.get_site_display()
    return WorkItem(
        title=f"{stars} {review.title or review.body[:80]}",
        url=f"{reverse('crm:review_list')}?review={review.public_id}",
        detail=f"{name_for(review.customer, user)} · {review.get_site_display()}",
        at=review.reviewed_at,
        tone="bad" if review.rating and review.rating <= 2 else "",
        action=WorkAction(_("Publish"), reverse("crm:review_publish", args=[review.public_id])) if publishes else None,
    )


def _failure(failed: FailedReaction) -> WorkItem:
    return WorkItem(
        title=f"{failed.event.type.label} · {failed.receiver}",
        url=reverse("crm:reaction_list"),
        detail=failed.error[:120],
        at=failed.failed_at,
        tone="bad",
    )


def silent_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    found, total = first_few(given_up(), limit)
    items = [
        WorkItem(
            title=str(endpoint),
            url=reverse("crm:endpoint_detail", args=[endpoint.public_id]),
            detail=endpoint.disabled_reason,
            at=endpoint.disabled_at,
            tone="bad",
        )
        for endpoint in found
    ]
    return items, total


SECTIONS = (
    WorkSection(
        "tickets", _("Waiting for our answer"), ticket_items, "tickets.view",
        empty=_("Everybody has been answered."), url="crm:inbox", order=10,
    ),
    WorkSection(
        "tasks", _("Your tasks"), task_items, "tasks.edit",
        empty=_("Nothing due until tomorrow."), order=20,
    ),
    WorkSection(
        "late", _("Late deliveries"), late_items, "purchases.view",
        empty=_("Every order is in time."), url="crm:purchase_late", order=30,
    ),
    WorkSection(
        "moderate", _("Reviews to read"), moderation_items, "reviews.view",
        empty=_("No review waits to be read."), url="crm:review_list", order=40,
    ),
    WorkSection(
        "answer", _("Reviews to answer"), answer_items, "reviews.moderate",
        empty=_("Every recent review has an answer."), url="crm:review_unanswered", order=50,
    ),
    WorkSection(
        "webhooks", _("Webhooks given up on"), silent_items, "settings.webhooks",
        empty=_("Every system that is told takes what it is told."), url="crm:endpoint_list", order=85,
    ),
    WorkSection(
        "failures", _("Failed reactions"), failure_items, "audit.view",
        empty=_("Every fact was worked off."), url="crm:reaction_list", order=90,
    ),
)  # fmt: skip
for section in SECTIONS:
    add_work_section(section)
