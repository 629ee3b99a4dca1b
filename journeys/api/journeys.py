"""Journeys with their stages and rules, and where customers stand in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.access.roles import may
from crm.api.base import Door, Noun
from crm.api.errors import Problem
from crm.api.fields import Given, MomentField, Shape, checked, fault
from crm.extensions import CustomerField
from crm.lib.paging import Sort
from crm.models import Customer
from journeys.api.definitions import parts_of
from journeys.flows.uses import uses_of_stage
from journeys.models import Journey, Position, Stage, StageRule
from journeys.stages import editing, moves, retiring
from journeys.stages.editing import MAX_RULES, MAX_STAGES, InvalidJourney

SLUG = r"^[a-z0-9][a-z0-9_-]*$"
# What the rows call differently from the API.
_FIELD_NAMES = {"is_active": "active", "is_default": "default"}
STAGES_SCHEMA = {
    "type": "object",
    "description": "by journey",
    "additionalProperties": {
        "type": "object",
        "properties": {"stage": {"type": "string"}, "since": {"type": "string", "format": "date-time"}},
    },
}


# --- What goes out ----------------------------------------------------------------------------


class RuleShape(Shape):
    """A kind of evidence for a stage; docs/journeys.md tells what the lists may hold."""

    name = serializers.CharField(help_text="what it is called; names it within its stage")
    name_th = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    where = serializers.ListField(child=serializers.DictField())
    history = serializers.ListField(child=serializers.DictField())
    priority = serializers.IntegerField(help_text="of several rules the lowest number is named as the evidence")
    may_move_back = serializers.BooleanField(help_text="puts customers in the stage wherever they stand")
    active = serializers.BooleanField(source="is_active")


class StageShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
    rank = serializers.IntegerField(help_text="place in the journey, first to last")
    colour = serializers.ChoiceField(choices=Stage.Colour.choices)
    rules = RuleShape(many=True)


class JourneyShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
    active = serializers.BooleanField(source="is_active")
    default = serializers.BooleanField(source="is_default", help_text="shown first")
    at_risk_after = serializers.IntegerField(help_text="days without a sign of life")
    lapsed_after = serializers.IntegerField(help_text="days without a sign of life")
    stages = StageShape(many=True)


class RulesShape(Shape):
    rules = RuleShape(many=True)


class RemovedShape(Shape):
    moved = serializers.IntegerField(help_text="people")


class StandingShape(Shape):
    moved = serializers.BooleanField(help_text="false for who stood there already")
    stages = serializers.DictField(help_text="{journey: {stage, since}}")


# --- What comes in ----------------------------------------------------------------------------


class StageChangesGiven(Given):
    name = serializers.CharField(required=False, max_length=100)
    name_th = serializers.CharField(required=False, allow_blank=True, max_length=100)
    colour = serializers.ChoiceField(required=False, choices=Stage.Colour.choices)
    rank = serializers.IntegerField(required=False, min_value=1, max_value=MAX_STAGES, help_text="the others make room")


class NewStageGiven(Given):
    slug = serializers.RegexField(SLUG, max_length=64)
    name = serializers.CharField(max_length=100)
    name_th = serializers.CharField(required=False, allow_blank=True, max_length=100)
    colour = serializers.ChoiceField(required=False, choices=Stage.Colour.choices)


class JourneyChangesGiven(Given):
    name = serializers.CharField(required=False, max_length=100)
    name_th = serializers.CharField(required=False, allow_blank=True, max_length=100)
    active = serializers.BooleanField(required=False, source="is_active")
    default = serializers.BooleanField(required=False, source="is_default", help_text="shown first")
    at_risk_after = serializers.IntegerField(required=False, min_value=1, max_value=3650)
    lapsed_after = serializers.IntegerField(required=False, min_value=2, max_value=3650)


class JourneyGiven(JourneyChangesGiven):
    slug = serializers.RegexField(SLUG, max_length=64)
    name = serializers.CharField(max_length=100)
    stages = serializers.ListField(child=NewStageGiven(), allow_empty=False, max_length=MAX_STAGES)


class RuleGiven(Given):
    name = serializers.CharField(max_length=200)
    name_th = serializers.CharField(required=False, allow_blank=True, max_length=200)
    events = serializers.ListField(child=serializers.CharField(max_length=200), allow_empty=False, max_length=50)
    where = serializers.ListField(child=serializers.DictField(), required=False, max_length=20)
    history = serializers.ListField(child=serializers.DictField(), required=False, max_length=10)
    priority = serializers.IntegerField(required=False, min_value=-32768, max_value=32767)
    may_move_back = serializers.BooleanField(required=False)
    active = serializers.BooleanField(required=False, source="is_active")


class RulesGiven(Given):
    rules = serializers.ListField(child=RuleGiven(), max_length=MAX_RULES)


class RemovalGiven(Given):
    move_to = serializers.CharField(
        required=False, max_length=64, help_text="where its people go; needed once it had any"
    )


class MoveGiven(Given):
    journey = serializers.CharField(max_length=64)
    stage = serializers.CharField(max_length=64)
    note = serializers.CharField(required=False, allow_blank=True, max_length=500)
    hold_until = MomentField(required=False, allow_null=True, future=True, help_text="rules leave them there so long")


# --- The calls --------------------------------------------------------------------------------


@extend_schema_view(list=extend_schema(summary="List journeys"), retrieve=extend_schema(summary="Get a journey"))
class JourneyView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "journeys"
    queryset = Journey.objects.none()
    serializer_class = JourneyShape
    lookup_field = lookup_url_kwarg = "slug"
    sort = Sort("id", descending=False)

    def get_queryset(self) -> QuerySet[Journey]:
        rules = StageRule.objects.order_by("priority", "pk")
        stages = Stage.objects.order_by("rank", "pk").prefetch_related(Prefetch("rules", rules))
        return Journey.objects.prefetch_related(Prefetch("stages", stages))

    @extend_schema(
        summary="Add a journey", request=JourneyGiven, responses={201: JourneyShape},
        description="With its stages, first to last. Their rules come with `PUT …/stages/{stage}/rules/`.",
    )  # fmt: skip
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = checked(JourneyGiven(data=request.data))
        with _named_faults():
            is_default = given.pop("is_default", False)
            journey = editing.create_journey(**given)
            if is_default:
                editing.edit_journey(journey, {"is_default": True})
        return self.answer(self.get_queryset().get(pk=journey.pk), 201)

    @extend_schema(summary="Change a journey", request=JourneyChangesGiven, responses=JourneyShape)
    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        journey = self.get_object()
        with _named_faults():
            editing.edit_journey(journey, checked(JourneyChangesGiven(data=request.data)))
        return self.answer(self.get_object())

    @extend_schema(
        summary="Change a stage, or add one", request=StageChangesGiven, responses={200: StageShape, 201: StageShape}
    )
    @transaction.atomic
    def put_stage(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        journey = self.get_object()
        given = checked(StageChangesGiven(data=request.data))
        if "name" not in given and not journey.stages.filter(slug=kwargs["stage"]).exists():
            raise fault(["name"], _("A new stage needs a name."), "required")
        with _named_faults():
            stage, is_new = editing.put_stage(journey, kwargs["stage"], **given)
        shown = StageShape(stage, context=self.get_serializer_context()).data
        return Response(shown, status=201 if is_new else 200)

    @extend_schema(
        summary="Take a stage away", request=RemovalGiven, responses={200: RemovedShape},
        description="Its people go to `move_to`, as if staff had moved them; what is past goes on naming the stage.",
    )  # fmt: skip
    @transaction.atomic
    def remove_stage(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        stage = self._stage()
        given = checked(RemovalGiven(data=request.data))
        target = None
        if "move_to" in given:
            target = Stage.objects.filter(journey=stage.journey_id, slug=given["move_to"]).first()
            if target is None:
                raise fault(["move_to"], _("There is no such stage."), "unknown_stage")
        if uses := uses_of_stage(stage.journey.slug, stage.slug):
            said = ", ".join(f"{use.name} ({use.what})" for use in uses)
            raise Problem("conflict", _("It is in use and stays: %(names)s.") % {"names": said})
        with _named_faults():
            moved = retiring.remove_stage(stage, move_to=target, actor=self.staff, now=self.now)
        return Response(RemovedShape({"moved": moved}).data)

    @extend_schema(summary="What leads to a stage", responses=RulesShape)
    def rules(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._rules_of(self._stage())

    @extend_schema(
        summary="Say what leads to a stage", request=RulesGiven, responses=RulesShape,
        description=(
            "Exactly these rules from now on; one whose name is known is changed. Who stands where stays until the "
            "journey is judged anew."
        ),
    )  # fmt: skip
    @transaction.atomic
    def put_rules(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        stage = self._stage()
        given = checked(RulesGiven(data=request.data))
        with _named_faults():
            editing.put_rules(stage, given["rules"])
        return self._rules_of(stage)

    def _stage(self) -> Stage:
        journey: Journey = self.get_object()
        found = Stage.objects.filter(journey=journey, slug=self.kwargs["stage"]).select_related("journey").first()
        if found is None:
            raise Http404
        return found

    def _rules_of(self, stage: Stage) -> Response:
        rules = stage.rules.order_by("priority", "pk")
        return Response(RulesShape({"rules": rules}, context=self.get_serializer_context()).data)


class MoveView(Door):
    """Where a customer stands, because somebody says so."""

    scopes = {"post": ("journeys:write", "customers:write")}

    @extend_schema(
        summary="Move a customer to a stage", request=MoveGiven, responses=StandingShape,
        description=(
            "Forward or back. From then on only facts that occur later count; until `hold_until` rules only note where "
            "they would have moved the customer."
        ),
    )  # fmt: skip
    @transaction.atomic
    def post(self, request: Request, id: str) -> Response:
        if self.staff and not may(self.staff, "journeys.move"):
            raise Problem("forbidden", _("Your role may not do this."))
        customer = self.visible_customers().filter(public_id=id).first()
        if customer is None:
            raise Http404
        given = checked(MoveGiven(data=request.data, context={"view": self}))
        if not Journey.objects.filter(slug=given["journey"]).exists():
            raise fault(["journey"], _("There is no such journey."), "unknown_journey")
        stage = Stage.objects.filter(journey__slug=given["journey"], slug=given["stage"]).first()
        if stage is None:
            raise fault(["stage"], _("There is no such stage."), "unknown_stage")
        try:
            made = moves.move_customers(
                [customer], stage=stage, actor=self.staff, now=self.now, note=given.get("note", ""),
                hold_until=given.get("hold_until"),
            )  # fmt: skip
        except moves.InvalidMove as error:
            raise fault([error.field], error.message, "invalid") from error
        standing = stages_of([customer], self.now).get(customer.pk, {})
        return Response(StandingShape({"moved": bool(made), "stages": standing}).data)


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except InvalidJourney as error:
        path = [part for name in error.path for part in parts_of(name)]
        raise fault([_FIELD_NAMES.get(name, name) for name in path], error.message, "invalid") from error


def stages_of(customers: Sequence[Customer], now: datetime) -> dict[int, dict[str, Any]]:
    """Where these customers stand: {customer: {journey: {"stage", "since"}}}; one query."""
    rows = Position.objects.filter(
        customer__in=[customer.pk for customer in customers], journey__is_active=True, stage__isnull=False
    ).values_list("customer_id", "journey__slug", "stage__slug", "since")
    stages: dict[int, dict[str, Any]] = {}
    for customer_id, journey, stage, since in rows:
        stages.setdefault(customer_id, {})[journey] = {"stage": stage, "since": since}
    return stages


STAGES = CustomerField("stages", stages_of, {}, STAGES_SCHEMA)
