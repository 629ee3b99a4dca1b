"""Flows: draft, check, publish, pause, enrol people, see what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.access.roles import may
from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.fields import CustomerField, Given, Shape, at_most, checked
from crm.api.structs import Fault
from crm.lib.paging import Sort
from crm.models import Customer
from crm.services import identities
from crm.services.identities import Identities
from journeys.api import definitions
from journeys.api.definitions import DEFINITION_SCHEMA, DefinitionFaultShape, DefinitionField
from journeys.flows import drafts, enrolment, versions
from journeys.flows.definition import InvalidDefinition
from journeys.flows.enrolment import Entry
from journeys.models import Enrolment, Flow
from journeys.selectors import flows as counters
from journeys.selectors import results

MOST_CUSTOMERS = 1000
PEOPLE_INSIDE = ["pin"]
BACKFILLS = ["none"]
SLUG = r"^[a-z0-9][a-z0-9_-]*$"


class FlowFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    state = django_filters.ChoiceFilter(choices=Flow.State.choices)
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Flow
        fields: list[str] = []


class FlowShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(choices=Flow.State.choices)
    version = serializers.SerializerMethodField(help_text="what newcomers enter; null before the first is published")
    definition = serializers.SerializerMethodField(help_text="as staff edit it")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_version(self, flow: Flow) -> int | None:
        return flow.live_version.number if flow.live_version else None

    @extend_schema_field(DEFINITION_SCHEMA)
    def get_definition(self, flow: Flow) -> Any:
        return flow.draft


class FlowWithFaultsShape(FlowShape):
    faults = serializers.SerializerMethodField(help_text="what stands in the way of publishing the definition")

    @extend_schema_field(DefinitionFaultShape(many=True))
    def get_faults(self, flow: Flow) -> list[dict[str, Any]]:
        return definitions.as_json(versions.faults_of(flow.draft))


class FlowChangesGiven(Given):
    name = serializers.CharField(required=False, max_length=100)
    name_th = serializers.CharField(required=False, allow_blank=True, max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, max_length=300)
    definition = DefinitionField(required=False, source="draft")


class FlowReplacementGiven(FlowChangesGiven):
    name = serializers.CharField(max_length=100)
    definition = DefinitionField(source="draft")


class FlowGiven(FlowReplacementGiven):
    slug = serializers.RegexField(SLUG, max_length=64)


class DefinitionGiven(Given):
    definition = DefinitionField(required=False, help_text="the flow's own draft unless given")


class PublicationGiven(Given):
    people_inside = serializers.ChoiceField(
        choices=PEOPLE_INSIDE, default="pin", help_text="who is inside finishes the version they entered with"
    )
    backfill = serializers.ChoiceField(choices=BACKFILLS, default="none", help_text="who may enter now, besides later")


class NothingGiven(Given):
    """The call needs no body."""


class EnrolGiven(Given):
    customers = serializers.ListField(
        child=CustomerField(), allow_empty=False, validators=[at_most(MOST_CUSTOMERS)], help_text="ids or identities"
    )
    properties = serializers.DictField(required=False, help_text="{{ event }} in the flow's texts")


class FaultsShape(Shape):
    faults = DefinitionFaultShape(many=True)


ENROLLED_SCHEMA = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["status"],
                "properties": {
                    "customer": {"type": "string", "format": "uuid"},
                    "status": {"type": "string", "enum": ["entered", "refused", "invalid"]},
                    "errors": {"type": "array", "items": {"type": "object"}},
                },
            },
        }
    },
}


class GroupShape(Shape):
    people = serializers.IntegerField()
    converted = serializers.IntegerField()
    rate = serializers.FloatField(help_text="a share of 1")


class LiftShape(Shape):
    treated = GroupShape()
    held_out = GroupShape()
    difference = serializers.FloatField(help_text="of the rates; a share of 1")
    interval = serializers.ListField(child=serializers.FloatField(), help_text="95 %, from and to")


class StepResultsShape(Shape):
    entered = serializers.IntegerField()
    waiting = serializers.IntegerField()
    failed = serializers.IntegerField()
    outcomes = serializers.DictField(child=serializers.IntegerField())
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed_messages = serializers.IntegerField()
    unclear = serializers.IntegerField()
    on_the_way = serializers.IntegerField()
    withheld = serializers.DictField(child=serializers.IntegerField(), help_text="by reason, in words")


FIGURES = ("entered", "active", "completed", "exited", "failed", "held_out", "goals")


class ResultsShape(Shape):
    """Entered is always the sum of active, completed, exited, failed and held out."""

    entered = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    exited = serializers.IntegerField()
    failed = serializers.IntegerField()
    held_out = serializers.IntegerField()
    goals = serializers.IntegerField(help_text="reached within their time")
    lift = LiftShape(allow_null=True, help_text="null while nobody is held out")
    steps = serializers.DictField(child=StepResultsShape(), help_text="by step id")


@extend_schema_view(
    list=extend_schema(summary="List flows"),
    retrieve=extend_schema(summary="Get a flow", responses=FlowWithFaultsShape),
)
class FlowView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "flows"
    scopes = {"enrol": ("flows:write", "messages:send"), "check": ("flows:read", "flows:write")}
    queryset = Flow.objects.none()
    serializer_class = FlowShape
    filterset_class = FlowFilters
    lookup_field = lookup_url_kwarg = "slug"
    sort = Sort("id", descending=False)

    def get_queryset(self) -> QuerySet[Flow]:
        return Flow.objects.select_related("live_version")

    def get_serializer_class(self) -> type[FlowShape]:
        return FlowShape if self.action == "list" else FlowWithFaultsShape

    @extend_schema(
        summary="Draft a flow", request=FlowGiven, responses={201: FlowWithFaultsShape},
        description="A draft may have faults; `faults` names them, and publishing is refused until they are gone.",
    )  # fmt: skip
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = checked(FlowGiven(data=request.data))
        try:
            flow = versions.create_flow(definition=given.pop("draft"), now=self.now, **given)
        except versions.CannotPublish as error:
            raise Problem("conflict", str(error), at="/slug") from error
        return self.answer(flow, 201)

    @extend_schema(summary="Change a draft", request=FlowChangesGiven, responses=FlowWithFaultsShape)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._edit(checked(FlowChangesGiven(data=request.data)))

    @extend_schema(summary="Replace a draft", request=FlowReplacementGiven, responses=FlowWithFaultsShape)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = {"name_th": "", "description": "", **checked(FlowReplacementGiven(data=request.data))}
        return self._edit(given)

    @extend_schema(
        summary="Say what stands in the way of publishing", request=DefinitionGiven, responses=FaultsShape,
        description="Of the flow's draft, or of the definition given; nothing is stored.",
    )  # fmt: skip
    def check(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        flow = self.get_object()
        given = checked(DefinitionGiven(data=request.data))
        found = versions.faults_of(given.get("definition", flow.draft))
        return Response({"faults": definitions.as_json(found)})

    @extend_schema(summary="Publish the draft", request=PublicationGiven, responses=FlowWithFaultsShape)
    @transaction.atomic
    def publish(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.publish")
        flow = self.get_object()
        checked(PublicationGiven(data=request.data))
        try:
            versions.publish(flow, actor=self.staff, now=self.now)
        except InvalidDefinition as error:
            raise definitions.refused(error.faults, "definition") from error
        except versions.CannotPublish as error:
            raise Problem("conflict", str(error)) from error
        return self.answer(self.get_object())

    @extend_schema(
        summary="Pause a flow", request=NothingGiven, responses=FlowWithFaultsShape,
        description="Nobody enters and no step is taken; people inside stay where they are. Exits still apply.",
    )  # fmt: skip
    @transaction.atomic
    def pause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.stop")
        flow = self.get_object()
        checked(NothingGiven(data=request.data))
        try:
            versions.pause(flow, now=self.now)
        except versions.CannotPublish as error:
            raise Problem("conflict", str(error)) from error
        return self.answer(self.get_object())

    @extend_schema(summary="Let a paused flow go on", request=NothingGiven, responses=FlowWithFaultsShape)
    @transaction.atomic
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.stop")
        flow = self.get_object()
        checked(NothingGiven(data=request.data))
        try:
            versions.resume(flow, now=self.now)
        except versions.CannotPublish as error:
            raise Problem("conflict", str(error)) from error
        return self.answer(self.get_object())

    @extend_schema(
        summary="Put customers into a live flow", request=EnrolGiven, responses={200: ENROLLED_SCHEMA},
        description=(
            "Each customer is judged for themselves: audience and re-entry are asked as ever. Who was refused, and by "
            "which gate, `GET customers/{id}/why/` tells."
        ),
    )  # fmt: skip
    @transaction.atomic
    def enrol(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("messages.send")
        flow = self.get_object()
        given = checked(EnrolGiven(data=request.data, context=self.get_serializer_context()))
        if flow.state != Flow.State.LIVE or flow.live_version is None:
            raise Problem("conflict", _("Only a live flow takes people in."))
        people = self._people(given["customers"])
        context = {"event": given["properties"]} if "properties" in given else {}
        token = f"api:{self.now.isoformat()}"
        known = list(dict.fromkeys(person for person in people if isinstance(person, Customer)))
        entries = [Entry(flow.live_version, customer.pk, self.now, token=token, context=context) for customer in known]
        entered = {run.customer_id for run in enrolment.enrol_many(entries, now=self.now)}
        return Response({"results": [_enrolled(person, entered) for person in people]})

    @extend_schema(summary="What came of a flow", responses=ResultsShape)
    def results(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        flow = self.get_object()
        count = counters.flow_counts([flow])[flow.pk]
        steps = {
            step: {**asdict(found), "withheld": dict(found.withheld)}
            for step, found in counters.step_counts(flow).items()
        }
        answer = {**{name: getattr(count, name) for name in FIGURES}, "lift": results.lift_of(flow), "steps": steps}
        return Response(ResultsShape(answer, context=self.get_serializer_context()).data)

    def _edit(self, changes: Mapping[str, Any]) -> Response:
        flow = self.get_object()
        try:
            drafts.edit_flow(flow, changes, now=self.now)
        except versions.CannotPublish as error:
            raise Problem("conflict", str(error)) from error
        return self.answer(self.get_object())

    def _must(self, permission: str) -> None:
        """The scope lets a key in; of staff the role must allow this very thing."""
        if self.staff and not may(self.staff, permission):
            raise Problem("forbidden", _("Your role may not do this."))

    def _people(self, given: Sequence[UUID | Identities]) -> list[Customer | Fault]:
        """Who is meant, in order; nobody becomes known by being enrolled."""
        named = [person for person in given if isinstance(person, Identities)]
        found = dict(zip(map(id, named), identities.find_many(named), strict=True))
        by_id = {person for person in given if isinstance(person, UUID)}
        visible = self.visible_customers()
        known = {customer.public_id: customer for customer in visible.filter(public_id__in=by_id)}
        numbers = {customer.pk: customer for customer in visible.filter(pk__in=[pk for pk in found.values() if pk])}
        people: list[Customer | Fault] = []
        for index, person in enumerate(given):
            customer = known.get(person) if isinstance(person, UUID) else numbers.get(found[id(person)] or 0)
            people.append(customer or Fault(f"/customers/{index}", "unknown_customer", _("There is no such customer.")))
        return people


def _enrolled(person: Customer | Fault, entered: set[int]) -> dict[str, Any]:
    if isinstance(person, Fault):
        return {"status": "invalid", "errors": [person.as_json()]}
    return {"customer": str(person.public_id), "status": "entered" if person.pk in entered else "refused"}


class EnrolmentFilters(django_filters.FilterSet):  # type: ignore[misc]
    flow = django_filters.CharFilter(field_name="flow__slug")
    customer = django_filters.UUIDFilter(field_name="customer__public_id")
    state = django_filters.ChoiceFilter(choices=Enrolment.State.choices)
    step = django_filters.CharFilter()

    class Meta:
        model = Enrolment
        fields: list[str] = []


class EnrolmentShape(Shape):
    """One customer's run through one flow."""

    flow = serializers.CharField(source="flow.slug")
    version = serializers.IntegerField(source="version.number")
    customer = serializers.UUIDField(source="customer.public_id")
    key = serializers.CharField(help_text="the order or cart that tells it from the customer's other runs")
    state = serializers.ChoiceField(choices=Enrolment.State.choices)
    step = serializers.CharField(help_text="where it stands, or stood last")
    waits_for = serializers.CharField(source="awaits", help_text="the event it waits for, if any")
    due_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.BooleanField(source="is_paused")
    entered_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="why it ended early")
    goal_at = serializers.DateTimeField(allow_null=True)


@extend_schema_view(list=extend_schema(summary="List runs of customers through flows"))
class EnrolmentView(mixins.ListModelMixin, Noun):
    scope = "flows"
    queryset = Enrolment.objects.none()
    serializer_class = EnrolmentShape
    filterset_class = EnrolmentFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Enrolment]:
        found = Enrolment.objects.select_related("flow", "version", "customer").defer(
            "flow__draft", "version__definition", "context", "memory"
        )
        return found.filter(customer__in=self.visible_customers().values("pk")) if self.staff else found
