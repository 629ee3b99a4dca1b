"""What the results of a flow are answered with, in agreement with its page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from crm.api.fields import Shape
from journeys.models import Enrolment, Flow
from journeys.selectors import flow_results, flows
from journeys.selectors.results import Group

FIGURES = ("entered", "active", "completed", "exited", "failed", "held_out", "goals")


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
    cost_micros = serializers.IntegerField(help_text="what was sent cost, in millionths of the shop's currency")
    on_the_way = serializers.IntegerField()
    sent = serializers.IntegerField(help_text="the delivered among them")
    delivered = serializers.IntegerField()
    clicked = serializers.IntegerField(help_text="a person followed a link; among the sent")
    failed = serializers.IntegerField()
    unclear = serializers.IntegerField()
    withheld = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class VersionShape(Shape):
    version = serializers.IntegerField()
    group = GroupShape()


def in_full(flow: Flow, runs: QuerySet[Enrolment], *, by: str, now: datetime) -> dict[str, Any]:
    """The figures of these runs of the flow, `periods` by the day, week or month of the current clock."""
    count, outcome = flows.count_of(runs), flow_results.outcome_of(runs)
    steps = {
        step: {**asdict(found), "withheld": {why.label: why.n for why in found.withheld}}
        for step, found in flows.step_counts(flow, runs).items()
    }
    return {
        **{name: getattr(count, name) for name in FIGURES},
        "steps": steps,
        "lift": outcome.lift,
        "held_out_by": {"flow": outcome.own, "control_group": outcome.control},
        "conversion": outcome.treated,
        "periods": flow_results.over_time(runs, by=by, now=now),
        "paths": flow_results.per_path(runs),
        "messages": [
            {
                "step": row.step, "channel": row.channel, "written": row.written, "parts": row.parts,
                "cost_micros": row.cost_micros, **row.fates,
                "withheld_for": dict(row.withheld),
            }
            for row in flow_results.per_message(flow, runs)
        ],
        "versions": [{"version": number, "group": group} for number, group in flow_results.per_version(runs)],
        "exits": dict(flow_results.endings(runs)),
    }  # fmt: skip
