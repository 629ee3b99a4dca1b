"""The event log: one or a thousand facts in, and what is there out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

import django_filters
import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.bulk import results_schema
from crm.api.errors import Invalid, Problem
from crm.api.fields import IDENTITIES_SCHEMA, Shape
from crm.api.filters import CustomerFilter, MomentFilter
from crm.api.problems import PROBLEMS
from crm.api.structs import Fault, read_item, read_uuid
from crm.lib import backlog, configuration
from crm.lib.moments import InvalidMoment, read_past
from crm.lib.paging import Sort
from crm.lib.strict_json import pointer
from crm.models import Event, Shop
from crm.services import identities as ids
from crm.services import ingest
from crm.services.identities import Identities
from crm.services.ingest import Item, Reject
from crm.services.reports import Result, Status

MAX_EVENTS = 1000


class EventShape(Shape):
    id = serializers.CharField(source="dedupe_key", help_text="Unique within the source.")
    source = serializers.CharField()  # type: ignore[assignment] # a field of that name
    customer = serializers.UUIDField(source="customer.public_id")
    event = serializers.CharField(source="name")
    properties = serializers.DictField()
    occurred_at = serializers.DateTimeField(help_text="in the world")
    received_at = serializers.DateTimeField(help_text="when we learnt of it")


class EventFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    customer = CustomerFilter()
    event = django_filters.CharFilter(field_name="name")
    source = django_filters.CharFilter()
    since = MomentFilter(field_name="occurred_at", lookup_expr="gte")
    until = MomentFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Event
        fields: list[str] = []


class _Who(msgspec.Struct, forbid_unknown_fields=True):
    """Identities in an event. Decoded by msgspec: serializers are the brake on batches."""

    email: str = ""
    phone: str = ""
    line_id: str = ""
    external: Annotated[dict[str, str], msgspec.Meta(max_length=20)] = {}
    anonymous: Annotated[dict[str, str], msgspec.Meta(max_length=20)] = {}


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    customer: str | _Who
    event: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    properties: dict[str, Any] = {}
    occurred_at: str = ""
    id: Annotated[str, msgspec.Meta(max_length=ingest.LONGEST_KEY)] = ""


EVENT_SCHEMA = {
    "type": "object",
    "required": ["customer", "event"],
    "properties": {
        "customer": {"oneOf": [{"type": "string", "format": "uuid"}, IDENTITIES_SCHEMA]},
        "event": {"type": "string", "minLength": 1, "maxLength": 200, "example": "Product Viewed"},
        "properties": {"type": "object", "additionalProperties": True},
        "occurred_at": {"type": "string", "format": "date-time", "description": "now unless given"},
        "id": {
            "type": "string", "maxLength": ingest.LONGEST_KEY,
            "description": "Names the fact within your source: the same id again is the same fact.",
        },
    },
    "additionalProperties": False,
}  # fmt: skip
RESULTS_SCHEMA = results_schema([status.value for status in Status], always=["id"], id={"type": "string"})
BATCH_SCHEMA = {
    "type": "object",
    "required": ["events"],
    "properties": {"events": {"type": "array", "maxItems": MAX_EVENTS, "items": EVENT_SCHEMA}},
    "additionalProperties": False,
}


@extend_schema_view(list=extend_schema(summary="List events"))
class EventView(mixins.ListModelMixin, Noun):
    scope = "events"
    queryset = Event.objects.none()
    serializer_class = EventShape
    filterset_class = EventFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Event]:
        found = Event.objects.select_related("customer")
        return found.filter(customer__in=self.visible_customers().values("pk")) if self.staff else found

    @extend_schema(
        summary="Report what customers do",
        description=(
            "One event, or up to 1,000 under `events`. In a batch each item is judged for itself: the answer is 200 "
            "and says of each whether it was accepted, known already, or invalid and why. A single event that is "
            "invalid is answered with 400. Events of orders and reviews (`Order Completed`, `Order Delivered`, "
            "`Product Reviewed` …) become the records they speak of."
        ),
        request={"application/json": {"oneOf": [EVENT_SCHEMA, BATCH_SCHEMA]}}, responses={200: RESULTS_SCHEMA},
    )  # fmt: skip
    @configuration.for_batch()
    @transaction.atomic
    def report(self, request: Request) -> Response:
        if backlog.is_full(self.now):
            raise Problem("backlog_full", PROBLEMS["backlog_full"][1], wait=backlog.RETRY_AFTER)
        body: dict[str, Any] = request.data  # type: ignore[assignment] # the parser takes nothing else
        single = "events" not in body
        events = [body] if single else _events_of(body)
        read = self._read(events)
        outcomes = iter(
            ingest.ingest_many([item for item in read if isinstance(item, Item)], source=self.source, now=self.now)
        )
        verdicts = [item if isinstance(item, Fault) else _judged(next(outcomes)) for item in read]
        if single and isinstance(verdicts[0], Fault):
            raise Invalid(verdicts[0].at, verdicts[0].code, verdicts[0].message)
        ingest.keep_rejects(
            [
                Reject(verdict.code, f"{verdict.at}: {verdict.message}", event)
                for event, verdict in zip(events, verdicts, strict=True)
                if isinstance(verdict, Fault)
            ],
            source=self.source,
            now=self.now,
        )
        return Response({"results": [_answer(item, *rest) for item, *rest in zip(read, events, verdicts, strict=True)]})

    def _read(self, events: Sequence[Any]) -> list[Item | Fault]:
        """Each event as an Item, or what is wrong with it; one query for all customers named by our id."""
        said = [read_item(event, _Said) for event in events]
        named = {who for entry in said if isinstance(entry, _Said) and (who := _named(entry))}
        people = dict(
            self.visible_customers().filter(public_id__in=named).values_list("public_id", "pk") if named else ()
        )
        region = Shop.current().country
        return [entry if isinstance(entry, Fault) else _item(entry, people, region, self.now) for entry in said]


def _events_of(body: Mapping[str, Any]) -> list[Any]:
    events = body["events"]
    if not isinstance(events, list):
        raise Invalid("/events", "invalid", _("must be a list"))
    if len(events) > MAX_EVENTS:
        raise Problem("batch_too_large", _("A batch has at most %(most)s events.") % {"most": MAX_EVENTS}, at="/events")
    if unknown := next((name for name in body if name != "events"), None):
        raise Invalid(pointer(unknown), "unknown_field", _("Unknown field."))
    return events


def _named(said: _Said) -> UUID | None:
    """Our id of the customer, when the event names them by it."""
    return read_uuid(said.customer) if isinstance(said.customer, str) else None


def _item(said: _Said, people: Mapping[UUID, int], region: str, now: datetime) -> Item | Fault:
    try:
        occurred_at = read_past(said.occurred_at, now) if said.occurred_at else now
    except InvalidMoment as error:
        return Fault("/occurred_at", error.code, error.message)
    customer_id = identities = None
    if isinstance(said.customer, str):
        who = _named(said)
        customer_id = people.get(who) if who else None
        if customer_id is None:
            return Fault("/customer", "unknown_customer", _("There is no such customer."))
    else:
        try:
            identities = _identities(
                said.customer.email, said.customer.phone, said.customer.line_id,
                tuple(said.customer.external.items()), tuple(said.customer.anonymous.items()), region,
            )  # fmt: skip
        except ids.InvalidIdentity as error:
            field, _dot, key = error.field.partition(".")
            path = ["customer", *([] if field == "identities" else [field]), *([key] if key else [])]
            return Fault(pointer(*path), f"invalid_{field}", error.message)
    key = ingest.key_of(said.id, said.event, repr(said.customer), said.occurred_at or now.isoformat(), said.properties)
    return Item(occurred_at, key, identities, customer_id, said.event, said.properties)


@lru_cache(maxsize=4096)
def _identities(
    email: str, phone: str, line_id: str, external: tuple[Any, ...], anonymous: tuple[Any, ...], region: str
) -> Identities:
    """The same few people are named again and again; reading a phone number is the dearest part of an event."""
    return ids.clean(email=email, phone=phone, line_id=line_id, external=external, anonymous=anonymous, region=region)


def _judged(result: Result) -> Result | Fault:
    if result.status is not Status.INVALID:
        return result
    path = [name for name in re.split(r"[\[\].]+", result.field) if name]
    return Fault(pointer("properties", *path) if path else "", result.code, result.message)


def _answer(item: Item | Fault, event: Any, verdict: Result | Fault) -> dict[str, Any]:
    if isinstance(verdict, Fault):
        given = event.get("id") if isinstance(event, dict) else ""
        return {"id": given or "", "status": Status.INVALID, "errors": [verdict.as_json()]}
    assert isinstance(item, Item)  # noqa: S101 - only items are judged
    return {"id": item.key, "status": verdict.status}
