"""Flows to draft and publish; versions, enrolments and visits to read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.admin.base import ReadOnlyAdmin, ReadOnlyInline
from crm.models import User
from journeys.flows import repair, versions
from journeys.flows.definition import InvalidDefinition
from journeys.flows.versions import CannotPublish
from journeys.models import Backtest, DraftEdit, Enrolment, Flow, FlowTest, FlowVersion, Intake, Lateness, StepVisit
from journeys.simulation import flow_tests
from journeys.simulation.flow_tests import FailingTests


class VersionInline(ReadOnlyInline):
    model = FlowVersion
    fields = ("number", "published_at", "published_by")
    show_change_link = True


@admin.register(Flow)
class FlowAdmin(admin.ModelAdmin[Flow]):
    list_display = ("name", "slug", "state", "live_version", "updated_at")
    list_filter = ("state",)
    list_select_related = ("live_version__flow",)
    search_fields = ("slug", "name", "name_th", "description")
    fields = ("slug", "name", "name_th", "description", "state", "live_version", "draft", "created_at", "updated_at")
    readonly_fields = ("state", "live_version", "created_at", "updated_at")
    inlines = (VersionInline,)
    actions = ("publish", "pause", "resume", "archive")

    def save_model(self, request: HttpRequest, obj: Flow, form: ModelForm[Flow], change: bool) -> None:
        """Save the draft, faults or not; publishing is what refuses them, and they are told here already."""
        obj.updated_at = timezone.now()
        if not change:
            obj.created_at = obj.updated_at
        super().save_model(request, obj, form, change)
        for fault in versions.faults_of(obj.draft, slug=obj.slug):
            self.message_user(request, _t("Not ready to be published: %(fault)s") % {"fault": fault}, messages.WARNING)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was published has people's history; archive it instead.
        return obj is None or obj.live_version_id is None

    @admin.action(description=_("Publish the draft"), permissions=["change"])
    def publish(self, request: HttpRequest, flows: QuerySet[Flow]) -> None:
        actor = request.user if isinstance(request.user, User) else None
        self._each(request, flows, lambda flow, now: flow_tests.publish(flow, actor=actor, now=now))

    @admin.action(description=_("Pause"), permissions=["change"])
    def pause(self, request: HttpRequest, flows: QuerySet[Flow]) -> None:
        self._each(request, flows, lambda flow, now: versions.pause(flow, now=now))

    @admin.action(description=_("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, flows: QuerySet[Flow]) -> None:
        self._each(request, flows, lambda flow, now: versions.resume(flow, now=now))

    @admin.action(description=_("Archive; whoever is inside leaves"), permissions=["change"])
    def archive(self, request: HttpRequest, flows: QuerySet[Flow]) -> None:
        self._each(request, flows, lambda flow, now: versions.archive(flow, now=now))

    def _each(self, request: HttpRequest, flows: QuerySet[Flow], call: Callable[[Flow, datetime], Any]) -> None:
        """Do it to every chosen flow; say of each how it went."""
        now = timezone.now()
        for flow in flows:
            try:
                call(flow, now)
            except (InvalidDefinition, FailingTests, CannotPublish) as error:
                self.message_user(request, f"{flow}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{flow}: {flow.get_state_display()}", messages.SUCCESS)


@admin.register(FlowVersion)
class FlowVersionAdmin(ReadOnlyAdmin):
    list_display = ("flow", "number", "published_at", "published_by", "people_inside")
    list_filter = ("flow",)
    list_select_related = ("flow", "published_by")
    search_fields = ("flow__slug", "flow__name")
    date_hierarchy = "published_at"


@admin.register(Intake)
class IntakeAdmin(ReadOnlyAdmin):
    list_display = ("version", "kind", "at", "entered", "done_at")
    list_filter = ("kind", ("done_at", admin.EmptyFieldListFilter))
    list_select_related = ("version__flow",)
    search_fields = ("version__flow__slug", "version__flow__name")
    ordering = ("-id",)


class StepVisitInline(ReadOnlyInline):
    model = StepVisit
    fields = ("step", "visit", "outcome", "detail", "arrived_at", "left_at")
    ordering = ("pk",)


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyAdmin):
    list_display = (
        "id", "flow", "customer", "key", "state", "reason", "step", "stand", "awaits", "due_at", "entered_at",
        "goal_at",
    )  # fmt: skip
    list_filter = ("state", "flow", "stand", "is_paused", ("goal_at", admin.EmptyFieldListFilter))
    list_select_related = ("flow", "customer")
    search_fields = ("customer__search_text", "=key", "=entry_key")
    date_hierarchy = "entered_at"
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (StepVisitInline,)
    actions = ("retry",)

    @admin.action(description=_("Try failed enrolments again"))
    def retry(self, request: HttpRequest, runs: QuerySet[Enrolment]) -> None:
        count = repair.retry_failed(runs, now=timezone.now())
        said = ngettext("%(n)s enrolment goes on.", "%(n)s enrolments go on.", count) % {"n": count}
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)


@admin.register(StepVisit)
class StepVisitAdmin(ReadOnlyAdmin):
    list_display = ("left_at", "flow", "step", "visit", "outcome", "detail", "enrolment", "arrived_at")
    list_filter = ("flow", "outcome")
    list_select_related = ("flow", "enrolment")
    search_fields = ("=step", "enrolment__customer__search_text")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Lateness)
class LatenessAdmin(ReadOnlyAdmin):
    """`manage.py doctor` and /metrics read the last hour of it."""

    list_display = ("at", "counts")
    search_fields = ("=at",)
    ordering = ("-at",)
    show_full_result_count = False


@admin.register(DraftEdit)
class DraftEditAdmin(ReadOnlyAdmin):
    """What undo and redo go along."""

    list_display = ("flow", "number", "is_current", "edited_at")
    list_filter = ("is_current",)
    list_select_related = ("flow",)
    search_fields = ("flow__slug", "flow__name")
    ordering = ("-pk",)


@admin.register(FlowTest)
class FlowTestAdmin(ReadOnlyAdmin):
    """Made and changed on the flow's own pages, where they can be tried."""

    list_display = ("flow", "name", "created_by", "updated_at", "ran_at")
    list_filter = ("flow",)
    list_select_related = ("flow", "created_by")
    search_fields = ("name", "flow__slug", "flow__name")


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    list_display = ("flow", "since", "until", "asked_by", "asked_at", "done", "total", "finished_at")
    list_filter = ("flow", ("finished_at", admin.EmptyFieldListFilter))
    list_select_related = ("flow", "asked_by")
    search_fields = ("flow__slug", "flow__name")
    ordering = ("-pk",)
