"""Tasks: what staff are to do, made by people, programs and flows, and what came of it."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.fields import CustomerField, Given, MomentField, Shape, checked, named_faults
from crm.api.filters import CustomerFilter, MomentFilter
from crm.api.lookups import colleague_behind, customer_behind
from crm.lib.paging import Sort
from crm.models import Task
from crm.services import work

STATES = (("open", "open"), ("overdue", "open, and due before now"), ("done", "done"))


class TaskFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    customer = CustomerFilter()
    assignee = django_filters.CharFilter(field_name="assignee__username", label="user name of whose task it is")
    state = django_filters.ChoiceFilter(choices=STATES, method="in_state")
    due_after = MomentFilter(field_name="due_at", lookup_expr="gt")
    due_before = MomentFilter(field_name="due_at", lookup_expr="lt")
    search = django_filters.CharFilter(field_name="title", lookup_expr="icontains", label="part of the title")

    class Meta:
        model = Task
        fields: list[str] = []

    def in_state(self, rows: Any, name: str, value: str) -> Any:
        if value == "overdue":
            return rows.overdue(self.request.parser_context["view"].now)
        return rows.open() if value == "open" else rows.filter(done_at__isnull=False)


class TaskShape(Shape):
    id = serializers.UUIDField(source="public_id")
    title = serializers.CharField()
    detail = serializers.CharField()
    customer = serializers.UUIDField(source="customer.public_id", allow_null=True, default=None)
    assignee = serializers.CharField(
        source="assignee.username", allow_null=True, default=None, help_text="user name; null while it is nobody's"
    )
    due_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField(help_text="what came of it")
    outcomes = serializers.ListField(
        child=serializers.CharField(), help_text="for which of these a flow waits; others take its other way"
    )
    cause = serializers.CharField(help_text="what made it, such as flow:win-back; empty when somebody did")
    created_at = serializers.DateTimeField()


class TaskGiven(Given):
    title = serializers.CharField(max_length=200)
    customer = CustomerField(required=False)
    detail = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    assignee = serializers.CharField(required=False, allow_null=True, max_length=150, help_text="user name")
    due_at = MomentField(required=False, allow_null=True, future=True)


class TaskChangeGiven(Given):
    title = serializers.CharField(required=False, max_length=200)
    detail = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    assignee = serializers.CharField(required=False, allow_null=True, max_length=150, help_text="user name")
    due_at = MomentField(required=False, allow_null=True, future=True)


class TaskCompletionGiven(Given):
    outcome = serializers.CharField(required=False, allow_blank=True, max_length=Task.OUTCOME_LENGTH)


@extend_schema_view(list=extend_schema(summary="List tasks"), retrieve=extend_schema(summary="Get a task"))
class TaskView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    """Staff read those about customers they may see, and change their own and nobody's, as on the pages."""

    scope = "tasks"
    queryset = Task.objects.none()
    serializer_class = TaskShape
    filterset_class = TaskFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Task]:
        found = Task.objects.all()
        if self.staff:
            reads = self.request.method in SAFE_METHODS
            found = found.visible_to(self.staff) if reads else found.for_user(self.staff)
        return found.select_related("customer", "assignee")

    @extend_schema(summary="Add a task", request=TaskGiven, responses={201: TaskShape})
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = self._read(TaskGiven)
        if "customer" in given:
            given["customer"] = customer_behind(given["customer"], self)
        with named_faults():
            return self.answer(work.add_task(now=self.now, **given), 201)

    @extend_schema(summary="Change a task", request=TaskChangeGiven, responses={200: TaskShape})
    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        task = self.get_locked()
        with named_faults():
            return self.answer(work.edit_task(task, self._read(TaskChangeGiven)))

    @extend_schema(
        summary="Say that a task is done, and what came of it",
        request=TaskCompletionGiven, responses={200: TaskShape},
        description="A flow that waits for an outcome goes on by it. Said again, the first time stands.",
    )  # fmt: skip
    @transaction.atomic
    def complete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        task = self.get_locked()
        return self.answer(work.complete_task(task, now=self.now, **self._read(TaskCompletionGiven)))

    @extend_schema(
        summary="Say that a task is not done after all", request=None, responses={200: TaskShape},
        description="A flow that went on by its outcome does not come back.",
    )  # fmt: skip
    @transaction.atomic
    def reopen(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(work.reopen_task(self.get_locked()))

    def _read(self, kind: type[Given]) -> dict[str, Any]:
        given = checked(kind(data=self.request.data, context=self.get_serializer_context()))
        if given.get("assignee") is not None:
            given["assignee"] = colleague_behind(given["assignee"])
        return given
