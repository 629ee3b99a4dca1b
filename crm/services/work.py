"""What staff write down and do: notes, calls, tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from crm.events import log
from crm.models import Customer, Note, Task, User


class InvalidWork(ValueError):
    """A value that a note or task cannot hold; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@transaction.atomic
def add_note(*, customer: Customer, body: str, author: User | None, now: datetime, kind: str = Note.Kind.NOTE) -> Note:
    """
    Write something down about a customer; a call is a note of kind "call".

    Raises:
        InvalidWork: no text.
    """
    if not body.strip():
        raise InvalidWork("body", "is empty")
    note = Note(customer=customer, kind=kind, body=body.strip(), author=author, created_at=now)
    note.facts_deferred = True
    note.save()
    log.record_many(note.facts(), now=now)
    return note


@transaction.atomic
def add_task(
    *,
    title: str,
    now: datetime,
    customer: Customer | None = None,
    assignee: User | None = None,
    due_at: datetime | None = None,
    detail: str = "",
    cause: str = "",
) -> Task:
    """
    Promise to do something.

    Raises:
        InvalidWork: no title.
    """
    if not title.strip():
        raise InvalidWork("title", "is empty")
    return Task.objects.create(
        title=title.strip()[:200], customer=customer, assignee=assignee, due_at=due_at, detail=detail, cause=cause,
        created_at=now,
    )  # fmt: skip


@transaction.atomic
def edit_task(task: Task, changes: Mapping[str, Any]) -> Task:
    """
    Change the `title`, `detail`, `assignee` or `due_at`.

    Raises:
        InvalidWork: no title.
    """
    given = {**changes, **({"title": changes["title"].strip()[:200]} if "title" in changes else {})}
    if not given.get("title", task.title):
        raise InvalidWork("title", "is empty")
    for name in given:
        setattr(task, name, given[name])
    task.save(update_fields=list(given))
    return task


@transaction.atomic
def complete_task(task: Task, *, now: datetime, outcome: str = "") -> Task:
    """
    Done. Saying it twice keeps the first time.

    Args:
        outcome: what came of it: one of `task.outcomes`, for which a flow may wait, or any other words.
    """
    if task.done_at is None:
        task.done_at, task.outcome = now, outcome.strip()[: Task.OUTCOME_LENGTH]
        task.facts_deferred = True
        task.save(update_fields=["done_at", "outcome"])
        log.record_many(task.facts(), now=now)
    return task


@transaction.atomic
def reopen_task(task: Task) -> Task:
    """Not done after all."""
    task.done_at, task.outcome = None, ""
    task.save(update_fields=["done_at", "outcome"])
    return task
