"""Try a draft on what really happened."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Door
from crm.api.fields import Given, Shape, checked, fault
from crm.models import Channel
from journeys.api.definitions import DefinitionField
from journeys.api.trials import FLOW_HELP, ShopGiven, flow_behind, refuse_both_or_none, shop_rules
from journeys.simulation import cast
from journeys.simulation.backtest.backtest import LONGEST, CannotBacktest, backtest
from journeys.simulation.backtest.report import Report, as_json

USUAL_EVENTS, MOST_EVENTS = 20_000, 100_000


class BacktestGiven(Given):
    definition = DefinitionField(required=False)
    flow = serializers.CharField(required=False, max_length=64, help_text=FLOW_HELP)
    days = serializers.IntegerField(default=30, min_value=1, max_value=LONGEST.days, help_text="to look back")
    limit = serializers.IntegerField(
        default=USUAL_EVENTS, min_value=1, max_value=MOST_EVENTS, help_text="try so many of the latest events at most"
    )
    shop = ShopGiven(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        refuse_both_or_none(given)
        return given


class CountsField(serializers.DictField):
    """How many, by reason."""

    child = serializers.IntegerField()


class DayShape(Shape):
    date = serializers.DateField(help_text="by the shop's calendar")
    channel = serializers.ChoiceField(choices=Channel.choices)
    sent = serializers.IntegerField()
    segments = serializers.IntegerField(help_text="of SMS, about")


class StepTrialShape(Shape):
    outcomes = CountsField(help_text="how it went for those who left the step")
    sent = serializers.IntegerField()
    withheld = CountsField()
    held = CountsField()


class BacktestShape(Shape):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    events = serializers.IntegerField(help_text="that would have started the flow")
    tried = serializers.IntegerField(help_text="of them, the latest")
    late = serializers.IntegerField(help_text="of them, known too late to start anything")
    entered = serializers.IntegerField()
    refused = CountsField(help_text="by gate: person, audience, reentry")
    held_out = serializers.IntegerField()
    active = serializers.IntegerField(help_text="still under way at the end")
    completed = serializers.IntegerField()
    exited = CountsField()
    goals = serializers.IntegerField()
    sent = serializers.DictField(child=serializers.IntegerField(), help_text="messages by channel")
    segments = serializers.IntegerField(help_text="of SMS; measured on a sample of each step")
    withheld = CountsField(help_text="messages that never go out, by reason")
    held = CountsField(help_text="messages that had to wait, by reason; quiet hours and caps")
    waiting = serializers.IntegerField(help_text="messages still held at the end")
    days = DayShape(many=True)
    steps = serializers.DictField(child=StepTrialShape(), help_text="by step id")
    effects = CountsField(help_text="what else the flow would have done, by kind")


class BacktestView(Door):
    scopes = {"post": ("flows:read", "flows:write")}

    @extend_schema(
        summary="Try a flow on the past",
        description=(
            "Runs the interpreter and the policy over the events of the last days and writes nothing. Rules see events "
            "as of then; tags, attributes, records and consents as of today. What the flow would have changed is not "
            "seen by its rules."
        ),
        request=BacktestGiven, responses=BacktestShape,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        given = checked(BacktestGiven(data=request.data))
        flow, definition = flow_behind(given)
        try:
            report = backtest(
                definition, days=given["days"], now=self.now, slug=flow.slug if flow else "", most=given["limit"],
                rules=cast.sending_rules(shop_rules(given.get("shop", {}))),
            )  # fmt: skip
        except CannotBacktest as error:
            path = ["flow"] if flow else ["definition", "trigger"]
            raise fault(path, str(error), "no_past") from error
        return Response(_as_json(report))


def _as_json(report: Report) -> dict[str, Any]:
    told = as_json(report)
    days = [{**day, "segments": round(day["segments"])} for day in told["days"]]
    return BacktestShape({**told, "since": report.since, "until": report.until, "days": days}).data
