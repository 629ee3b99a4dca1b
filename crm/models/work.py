"""What staff write down and promise each other: notes and tasks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.events.types import EventDraft
from crm.lib.ids import uuid7
from crm.models.customer import Customer
from crm.models.factual import Factual

if TYPE_CHECKING:
    from crm.models.user import User


class Note(Factual, models.Model):
    class Kind(models.TextChoices):
        NOTE = "note", _("note")
        CALL = "call", _("call")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="notes", verbose_name=_("customer"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.NOTE)
    body = models.TextField(_("text"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("note"), _("notes")

    def __str__(self) -> str:
        return self.body[:60]

    def facts(self) -> list[EventDraft]:
        return [
            EventDraft(
                name="Call Logged" if self.kind == self.Kind.CALL else "Note Added",
                customer_id=self.customer_id,
                occurred_at=self.created_at,
                dedupe_key=f"note:{self.public_id}",
                properties={"text": self.body, "author": str(self.author or "")},
                object_type="note",
                object_id=self.pk,
            )
        ]


class TaskQuerySet(models.QuerySet["Task"]):
    def open(self) -> TaskQuerySet:
        return self.filter(done_at=None)

    def visible_to(self, user: User) -> TaskQuerySet:
        """About customers they may see, or about none."""
        visible = models.Q(customer=None) | models.Q(customer__in=Customer.objects.visible_to(user).values("pk"))
        return self.filter(visible)

    def for_user(self, user: User) -> TaskQuerySet:
        """Theirs, and those nobody has taken, among the visible."""
        return self.visible_to(user).filter(models.Q(assignee=user) | models.Q(assignee=None))

    def overdue(self, now: datetime) -> TaskQuerySet:
        return self.open().filter(due_at__lt=now)


class Task(Factual, models.Model):
    """
    Something a member of staff is to do. `cause` says what made it, e.g. "flow:review-request".

    `outcomes` are what may come of it, in the words of whoever made it and waits for one of them; others will do.
    """

    OUTCOME_LENGTH = 64

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="tasks", verbose_name=_("customer")
    )
    title = models.CharField(_("title"), max_length=200)
    detail = models.TextField(_("detail"), blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="tasks",
        verbose_name=_("assignee"),
    )  # fmt: skip
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=OUTCOME_LENGTH, blank=True)
    outcomes = models.JSONField(_("possible outcomes"), default=list, blank=True, editable=False)
    cause = models.CharField(_("made by"), max_length=100, blank=True, editable=False)
    # One task per cause that must not repeat (a flow's step for one enrolment).
    dedupe_key = models.CharField(max_length=200, unique=True, null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = TaskQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("task"), _("tasks")
        indexes = [models.Index(fields=["assignee", "due_at"], name="task_open", condition=models.Q(done_at=None))]

    def __str__(self) -> str:
        return self.title

    def facts(self) -> list[EventDraft]:
        """That it is done, when it is about a customer; `task` is the key of what made it, else its public id."""
        if self.customer_id is None or self.done_at is None:
            return []
        return [
            EventDraft(
                name="Task Completed",
                customer_id=self.customer_id,
                occurred_at=self.done_at,
                dedupe_key=f"task:{self.public_id}:done:{self.done_at.isoformat()}",
                properties={
                    "task": self.dedupe_key or str(self.public_id), "title": self.title, "outcome": self.outcome,
                    "cause": self.cause,
                },
                object_type="task",
                object_id=self.pk,
            )
        ]  # fmt: skip
