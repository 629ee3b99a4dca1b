"""What the calls about flows take and answer with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from crm.api.bulk import results_schema
from crm.api.fields import CustomerField, Given, Shape, at_most
from crm.lib.durations import parse_duration
from journeys.api import definitions
from journeys.api.definitions import DEFINITION_SCHEMA, DefinitionFaultShape, DefinitionField
from journeys.api.result_shapes import (
    GroupShape,
    HeldOutShape,
    LiftShape,
    PathShape,
    PeriodShape,
    StepMessagesShape,
    VersionShape,
)
from journeys.flows import versions
from journeys.flows.impact import Fate, PeopleInside
from journeys.models import Flow

MOST_CUSTOMERS = 1000
PEOPLE_INSIDE = [choice.value for choice in PeopleInside]
BACKFILLS = ["none", "now"]
SLUG = r"^[a-z0-9][a-z0-9_-]*$"


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
        return definitions.as_json(versions.faults_of(flow.draft, slug=flow.slug))


@extend_schema_field(str)
class DurationField(serializers.Field[timedelta, Any, str, Any]):
    """An ISO 8601 duration; a month is taken for 30 days."""

    def to_internal_value(self, data: Any) -> timedelta:
        try:
            return parse_duration(data if isinstance(data, str) else "").rough
        except ValueError as error:
            raise ValidationError(_("is not an ISO 8601 duration such as P3D"), "invalid_duration") from error


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

    def validate_slug(self, slug: str) -> str:
        if slug in versions.RESERVED:
            raise ValidationError(_("Another slug, please: a page has this address."), "reserved")
        return slug


class DefinitionGiven(Given):
    definition = DefinitionField(required=False, help_text="the flow's own draft unless given")


class PublicationGiven(Given):
    people_inside = serializers.ChoiceField(
        choices=PEOPLE_INSIDE, default="pin",
        help_text="who is inside finishes the version they entered with, goes on in the new one, or leaves",
    )  # fmt: skip
    backfill = serializers.ChoiceField(
        choices=BACKFILLS, default="none", help_text="now: also let in whose trigger holds already"
    )


class ResumptionGiven(Given):
    skip_older_than = DurationField(required=False, help_text="who has been due for longer leaves the flow: P3D")
    per_minute = serializers.IntegerField(
        required=False, min_value=1, max_value=1_000_000, help_text="so many of those who are due go on each minute"
    )


class NothingGiven(Given):
    """The call needs no body."""


class EnrolGiven(Given):
    customers = serializers.ListField(
        child=CustomerField(), allow_empty=False, validators=[at_most(MOST_CUSTOMERS)], help_text="ids or identities"
    )
    properties = serializers.DictField(required=False, help_text="{{ event }} in the flow's texts")


FATES_SCHEMA = {
    "type": "object",
    "description": "people by step and by what becomes of them",
    "additionalProperties": {
        "type": "object",
        "properties": {fate.value: {"type": "integer"} for fate in Fate},
        "additionalProperties": False,
    },
}
IMPACT_SCHEMA = {
    "type": "object",
    "required": ["people_inside", "backfill"],
    "properties": {
        "people_inside": {
            "type": "object",
            "properties": dict.fromkeys(PEOPLE_INSIDE, FATES_SCHEMA),
            "description": "for each choice there is at publishing",
        },
        "backfill": {"type": "integer", "description": "customers whose trigger holds already, at most"},
    },
}


class PublishedShape(FlowWithFaultsShape):
    impact = serializers.SerializerMethodField(help_text="what became of the people inside")

    @extend_schema_field(FATES_SCHEMA)
    def get_impact(self, flow: Flow) -> Any:
        return flow.live_version.impact if flow.live_version else {}


class AgeShape(Shape):
    up_to_hours = serializers.IntegerField(allow_null=True, help_text="overdue by at most; null for longer than all")
    people = serializers.IntegerField()


class BacklogShape(Shape):
    people = serializers.IntegerField(help_text="due now, who go on when the flow does")
    by_age = AgeShape(many=True)


class FaultsShape(Shape):
    faults = DefinitionFaultShape(many=True)
    warnings = DefinitionFaultShape(many=True, help_text="what looks like a slip; it stands in nobody's way")


ENROLLED_SCHEMA = results_schema(("entered", "refused", "invalid"), customer={"type": "string", "format": "uuid"})


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


class ResultsShape(Shape):
    """Entered is always the sum of active, completed, exited, failed and held out."""

    entered = serializers.IntegerField()
    active = serializers.IntegerField()
    completed = serializers.IntegerField()
    exited = serializers.IntegerField()
    failed = serializers.IntegerField()
    held_out = serializers.IntegerField()
    goals = serializers.IntegerField(help_text="reached in time, by those who were not held out")
    lift = LiftShape(allow_null=True, help_text="null while nobody is held out")
    held_out_by = HeldOutShape(help_text="the flow's own share, and the shop's control group")
    conversion = GroupShape(help_text="of the runs that were not held out")
    periods = PeriodShape(
        many=True,
        help_text="those runs by the day (up to a month), week (a year) or month they began, on the shop's clock",
    )
    paths = PathShape(many=True)
    messages = StepMessagesShape(many=True)
    versions = VersionShape(many=True, help_text="those runs by version, the newest first")
    exits = serializers.DictField(child=serializers.IntegerField(), help_text="who left early, by reason")
    steps = serializers.DictField(child=StepResultsShape(), help_text="by step id")
