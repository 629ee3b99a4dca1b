"""Flows: draft, check, publish, pause, enrol people, see what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from crm.access.roles import may
from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.fields import checked
from crm.api.structs import Fault
from crm.lib.paging import Sort
from crm.models import Customer
from crm.services import identities
from crm.services.identities import Identities
from journeys.api import asked, definitions, result_shapes
from journeys.api.flow_shapes import (
    ENROLLED_SCHEMA,
    IMPACT_SCHEMA,
    BacklogShape,
    DefinitionGiven,
    EnrolGiven,
    FaultsShape,
    FlowChangesGiven,
    FlowGiven,
    FlowReplacementGiven,
    FlowShape,
    FlowWithFaultsShape,
    NothingGiven,
    PublicationGiven,
    PublishedShape,
    ResultsShape,
    ResumptionGiven,
)
from journeys.flows import backlog, drafts, enrolment, intake, people, versions
from journeys.flows.definition import InvalidDefinition
from journeys.flows.enrolment import Entry
from journeys.flows.impact import PeopleInside
from journeys.models import Flow
from journeys.simulation import flow_tests
from journeys.simulation.flow_tests import FailingTests

_EITHER = ("flows:read", "flows:write")


class FlowFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    state = django_filters.ChoiceFilter(choices=Flow.State.choices)
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Flow
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="List flows"),
    retrieve=extend_schema(summary="Get a flow", responses=FlowWithFaultsShape),
)
class FlowView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "flows"
    parser_classes = (definitions.DefinitionParser,)
    scopes = {"enrol": ("flows:write", "messages:send"), "check": _EITHER, "impact": _EITHER}
    queryset = Flow.objects.none()
    serializer_class = FlowShape
    filterset_class = FlowFilters
    lookup_field = lookup_url_kwarg = "slug"
    sort = Sort("id", descending=False)

    def parameters(self) -> frozenset[str]:
        return super().parameters() | (asked.NAMES if self.action == "results" else frozenset())

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
        definition = given.get("definition", flow.draft)
        found, odd = versions.faults_of(definition, slug=flow.slug), versions.warnings_of(definition)
        return Response({"faults": definitions.as_json(found), "warnings": definitions.as_json(odd)})

    @extend_schema(
        summary="Count what publishing would do to the people inside", request=DefinitionGiven,
        responses={200: IMPACT_SCHEMA},
        description="For the definition given or the flow's draft, under each choice; what happens equals it.",
    )  # fmt: skip
    def impact(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        flow = self.get_object()
        definition = checked(DefinitionGiven(data=request.data)).get("definition", flow.draft)
        if found := versions.faults_of(definition, slug=flow.slug):
            raise definitions.refused(found, "definition")
        inside = {
            choice.value: people.preview(flow, definition, choice, now=self.now).as_json() for choice in PeopleInside
        }
        return Response({"people_inside": inside, "backfill": intake.count(definition, now=self.now)})

    @extend_schema(summary="Publish the draft", request=PublicationGiven, responses=PublishedShape)
    @transaction.atomic
    def publish(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.publish")
        flow = self.get_object()
        given = checked(PublicationGiven(data=request.data))
        with _conflicts():
            flow_tests.publish(
                flow, actor=self.staff, now=self.now, people_inside=PeopleInside(given["people_inside"]),
                backfill=given["backfill"] == "now",
            )  # fmt: skip
        return Response(PublishedShape(self.get_object(), context=self.get_serializer_context()).data)

    @extend_schema(
        summary="Pause a flow", request=NothingGiven, responses=FlowWithFaultsShape,
        description="Nobody enters and no step is taken; people inside stay where they are. Exits still apply.",
    )  # fmt: skip
    @transaction.atomic
    def pause(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.stop")
        flow = self.get_object()
        checked(NothingGiven(data=request.data))
        with _conflicts():
            versions.pause(flow, now=self.now)
        return self.answer(self.get_object())

    @extend_schema(summary="Who would go on at once if a paused flow were resumed", responses=BacklogShape)
    def backlog(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = backlog.backlog_of(self.get_object(), now=self.now)
        ages = [
            {"up_to_hours": int(age.total_seconds() // 3600) if age else None, "people": number}
            for age, number in found.by_age
        ]
        shown = BacklogShape({"people": found.total, "by_age": ages}, context=self.get_serializer_context())
        return Response(shown.data)

    @extend_schema(summary="Let a paused flow go on", request=ResumptionGiven, responses=FlowWithFaultsShape)
    @transaction.atomic
    def resume(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.stop")
        flow = self.get_object()
        given = checked(ResumptionGiven(data=request.data))
        with _conflicts():
            versions.resume(flow, now=self.now, **given)
        return self.answer(self.get_object())

    @extend_schema(
        summary="Put a flow away", request=NothingGiven, responses=FlowWithFaultsShape,
        description="Nobody enters any more and whoever is inside leaves. Its history stays.",
    )  # fmt: skip
    @transaction.atomic
    def archive(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._must("flows.publish")
        flow = self.get_object()
        checked(NothingGiven(data=request.data))
        with _conflicts():
            versions.archive(flow, now=self.now)
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
        meant = self._people(given["customers"])
        context = {"event": given["properties"]} if "properties" in given else {}
        token = f"api:{self.now.isoformat()}"
        known = list(dict.fromkeys(person for person in meant if isinstance(person, Customer)))
        entries = [Entry(flow.live_version, customer.pk, self.now, token=token, context=context) for customer in known]
        entered = {run.customer_id for run in enrolment.enrol_many(entries, now=self.now)}
        return Response({"results": [_enrolled(person, entered) for person in meant]})

    @extend_schema(
        summary="What came of a flow", responses=ResultsShape, parameters=asked.PARAMETERS,
        description="Of all its runs, or of those the parameters leave; in agreement with its page.",
    )  # fmt: skip
    def results(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        flow, given = self.get_object(), request.query_params
        with asked.shops_clock():
            period = asked.period_asked(given, now=self.now)
            runs = asked.runs_asked(flow, given, self.visible_customers(), period)
            answer = result_shapes.in_full(flow, runs, by=period.stretch, now=self.now)
        return Response(ResultsShape(answer, context=self.get_serializer_context()).data)

    def _edit(self, changes: Mapping[str, Any]) -> Response:
        with _conflicts():
            drafts.edit_flow(self.get_object(), changes, now=self.now)
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
        meant: list[Customer | Fault] = []
        for index, person in enumerate(given):
            customer = known.get(person) if isinstance(person, UUID) else numbers.get(found[id(person)] or 0)
            meant.append(customer or Fault(f"/customers/{index}", "unknown_customer", _("There is no such customer.")))
        return meant


@contextmanager
def _conflicts() -> Iterator[None]:
    """What the services refuse: faults of the draft, and a state that does not allow it."""
    try:
        yield
    except InvalidDefinition as error:
        raise definitions.refused(error.faults, "definition") from error
    except FailingTests as error:
        raise definitions.refused(error.faults, code="test_failed") from error
    except versions.CannotPublish as error:
        raise Problem("conflict", str(error)) from error


def _enrolled(person: Customer | Fault, entered: set[int]) -> dict[str, Any]:
    if isinstance(person, Fault):
        return {"status": "invalid", "errors": [person.as_json()]}
    return {"customer": str(person.public_id), "status": "entered" if person.pk in entered else "refused"}
