"""What waits for somebody to act: the queues behind Today, each narrowed to what the reader may see."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from crm.models import Customer, FailedReaction, Purchase, Review, Task, Ticket, User

SOON = timedelta(days=1)


def tasks_due(user: User, now: datetime) -> QuerySet[Task]:
    """Their open tasks, and those nobody has taken, due within a day or overdue; without a date counts as due."""
    due = Task.objects.open().for_user(user).exclude(due_at__gt=now + SOON)
    return due.select_related("customer").order_by("due_at", "pk")


def unanswered_tickets(user: User) -> QuerySet[Ticket]:
    """Enquiries and tickets where the customer spoke last, longest waiting first; theirs and nobody's."""
    waiting = Ticket.objects.visible_to(user).waiting_for_us()
    return waiting.select_related("customer", "assignee").order_by("last_message_at", "pk")


def late_deliveries(user: User, now: datetime) -> QuerySet[Purchase]:
    """Orders whose promise is broken and which are still under way, the longest late first."""
    return Purchase.objects.visible_to(user).overdue(now).select_related("customer").order_by("promised_at", "pk")


def reviews_to_moderate(user: User) -> QuerySet[Review]:
    """Reviews nobody has read yet, oldest first."""
    return Review.objects.visible_to(user).to_moderate().select_related("customer").order_by("reviewed_at", "pk")


def reviews_to_answer(user: User, now: datetime) -> QuerySet[Review]:
    """Published in the last 30 days with words in it, and no answer from us."""
    recent = Review.objects.visible_to(user).unanswered().filter(reviewed_at__gte=now - timedelta(days=30))
    return recent.exclude(body="").select_related("customer").order_by("-reviewed_at", "-pk")


def failed_reactions() -> QuerySet[FailedReaction]:
    """What could not be worked off, newest first."""
    return FailedReaction.objects.open().select_related("event__customer").order_by("-failed_at")


def new_customers(user: User, since: datetime) -> QuerySet[Customer]:
    return Customer.objects.visible_to(user).known().filter(created_at__gte=since)


def purchases_since(user: User, since: datetime) -> QuerySet[Purchase]:
    return Purchase.objects.visible_to(user).counted().filter(placed_at__gte=since)
