"""What the results of a flow are answered with, in agreement with its page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from crm.api.fields import Shape
from crm.lib.zones import zone
from crm.models import Customer, Shop
from journeys.models import Flow
from journeys.selectors import flow_results
from journeys.selectors.results import Group


class GroupShape(Shape):
    people = serializers.IntegerField()
    converted = serializers.IntegerField()
    rate = serializers.FloatField(help_text="a share of 1")
    interval = serializers.SerializerMethodField(help_text="95 %, from and to")

    def get_interval(self, group: Group) -> list[float]:
        return list(group.wilson())


class LiftShape(Shape):
    treated = GroupShape()
    held_out = GroupShape()
    difference = serializers.FloatField(help_text="of the rates; a share of 1")
    interval = serializers.ListField(child=serializers.FloatField(), help_text="95 %, from and to")


class HeldOutShape(Shape):
    flow = GroupShape()
    control_group = GroupShape()


class PeriodShape(Shape):
    first = serializers.DateField()
    last = serializers.DateField()
    is_open = serializers.BooleanField(help_text="some of them may still reach the goal")
    group = GroupShape()


class PathShape(Shape):
    step = serializers.CharField()
    path = serializers.CharField(help_text="as it is named; else for the rest at a branch")
    group = GroupShape(help_text="converted: who reached the goal after it")


class StepMessagesShape(Shape):
    step = serializers.CharField()
    channel = serializers.CharField()
    written = serializers.IntegerField()
    withheld_for = serializers.DictField(child=serializers.IntegerField(), help_text="by the reason's code")
    parts = serializers.IntegerField(help_text="SMS segments of what was sent")
    on_the_way = serializers.IntegerField()
    sent = serializers.IntegerField(help_text="the delivered among them")
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField()
    unclear = serializers.IntegerField()
    withheld = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class VersionShape(Shape):
    version = serializers.IntegerField()
    group = GroupShape()


def in_full(flow: Flow, *, now: datetime) -> dict[str, Any]:
    """The figures of all runs there ever were."""
    runs = flow_results.runs_in(flow, Customer.objects.filter(merged_into=None), since=None, until=now)
    outcome = flow_results.outcome_of(runs)
    with timezone.override(zone(Shop.current().time_zone, "UTC")):
        periods = flow_results.over_time(runs, by="month", now=now)
    return {
        "lift": outcome.lift,
        "held_out_by": {"flow": outcome.own, "control_group": outcome.control},
        "conversion": outcome.treated,
        "periods": periods,
        "paths": flow_results.per_path(runs),
        "messages": [
            {
                "step": row.step, "channel": row.channel, "written": row.written, "parts": row.parts, **row.fates,
                "withheld_for": dict(row.withheld),
            }
            for row in flow_results.per_message(flow, runs)
        ],
        "versions": [{"version": number, "group": group} for number, group in flow_results.per_version(runs)],
        "exits": dict(flow_results.endings(runs)),
    }  # fmt: skip
