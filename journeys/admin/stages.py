"""Journeys, their stages and rules to edit; positions and moves to read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from crm.admin.base import ReadOnlyAdmin
from crm.rules import InvalidRule
from journeys.models import Journey, Position, Stage, StageMove, StageRule
from journeys.stages.rules import read_rule


class StageRuleForm(forms.ModelForm[StageRule]):
    """Refuses what the stage machine could not read, at the column where the fault is."""

    class Meta:
        model = StageRule
        fields = (
            "stage", "name", "name_th", "events", "where", "history", "priority", "may_move_back", "is_active",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        columns = {name: data.get(name) for name in ("events", "where", "history")}
        try:
            read_rule(id=0, stage=0, rank=0, priority=0, may_move_back=False, **columns)
        except InvalidRule as error:
            for fault in error.faults:
                column = fault.path.partition("[")[0].partition(".")[0]
                self.add_error(column if column in columns else None, ValidationError(str(fault)))
        return data


class StageInline(admin.TabularInline[Stage, Journey]):
    model = Stage
    extra = 0
    fields = ("rank", "slug", "name", "name_th", "colour")
    show_change_link = True


class StageRuleInline(admin.StackedInline[StageRule, Stage]):
    model = StageRule
    form = StageRuleForm
    extra = 0


@admin.register(Journey)
class JourneyAdmin(admin.ModelAdmin[Journey]):
    list_display = ("slug", "name", "name_th", "is_active", "is_default", "at_risk_after", "lapsed_after")
    list_filter = ("is_active",)
    search_fields = ("slug", "name", "name_th")
    inlines = (StageInline,)


@admin.register(Stage)
class StageAdmin(admin.ModelAdmin[Stage]):
    list_display = ("name", "name_th", "journey", "rank", "slug", "colour")
    list_filter = ("journey",)
    list_select_related = ("journey",)
    search_fields = ("slug", "name", "name_th")
    inlines = (StageRuleInline,)


@admin.register(StageRule)
class StageRuleAdmin(admin.ModelAdmin[StageRule]):
    form = StageRuleForm
    list_display = ("name", "stage", "journey", "events", "priority", "may_move_back", "is_active")
    list_filter = ("is_active", "may_move_back", "stage__journey", "stage")
    list_select_related = ("stage__journey",)
    search_fields = ("name", "name_th")

    @admin.display(ordering="stage__journey")
    def journey(self, rule: StageRule) -> Journey:
        return rule.stage.journey


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    list_display = ("customer", "journey", "stage", "since", "health", "rule", "held_until")
    list_filter = ("journey", "stage", "health", ("held_until", admin.EmptyFieldListFilter))
    list_select_related = ("customer", "journey", "stage", "rule__stage")
    search_fields = ("customer__search_text",)
    show_full_result_count = False


@admin.register(StageMove)
class StageMoveAdmin(ReadOnlyAdmin):
    list_display = (
        "effective_at", "customer", "journey", "from_stage", "to_stage", "cause", "rule", "actor", "would_have",
        "recorded_at",
    )  # fmt: skip
    list_filter = ("journey", "cause", "would_have", "to_stage")
    list_select_related = ("customer", "journey", "from_stage", "to_stage", "rule__stage", "actor")
    search_fields = ("customer__search_text", "note")
    date_hierarchy = "effective_at"
    ordering = ("-id",)
    show_full_result_count = False
