"""Customers: find, make known, change, and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import extensions
from crm.access.roles import may
from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.events import EventShape
from crm.api.fields import Given, IdentitiesGiven, MomentField, PhoneField, Shape, checked, fault, named_faults
from crm.api.filters import MomentFilter
from crm.api.renderers import dump
from crm.lib import masks
from crm.lib.paging import Sort
from crm.models import Channel, ConsentEvent, Customer, Event, Identity, State
from crm.services import consents, customers
from crm.services.identities import Identities

TAGS_SCHEMA = {"type": "array", "items": {"type": "string"}}
CONSENTS_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": {"enum": State.values}},
    "example": {"sms": {"promotions": "in"}},
}


@extend_schema_field(CONSENTS_SCHEMA)
class ConsentsField(serializers.DictField):
    """{channel: {topic: "in" or "out"}}"""

    child = serializers.DictField(child=serializers.ChoiceField(choices=State.values))


class CustomerFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    search = django_filters.CharFilter(method="search_for", label="words of the name, email, phone or LINE id")
    email = django_filters.CharFilter(method="known_by")
    phone = django_filters.CharFilter(method="known_by")
    line_id = django_filters.CharFilter(method="known_by")
    external = django_filters.CharFilter(method="known_by", label="source:id")
    tag = django_filters.CharFilter(field_name="tags__name")
    created_after = MomentFilter(field_name="created_at", lookup_expr="gt")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Customer
        fields: list[str] = []

    def search_for(self, found: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        return found.matching(value)  # type: ignore[attr-defined, no-any-return]

    def known_by(self, found: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Exactly this address or outside id, however the person writes it."""
        given: dict[str, Any] = {name: value}
        if name == "external":
            source, _colon, outside = value.partition(":")
            given = {name: {source: outside}}
        identities = IdentitiesGiven(data=given)
        identities.is_valid(raise_exception=True)
        named: Identities = identities.validated_data
        kind, source, clean = named.as_keys()[0]
        return found.filter(pk__in=Identity.objects.filter(kind=kind, source=source, value=clean).values("customer"))


class SocketField(serializers.Field[Any, Any, Any, Any]):
    """A field that another app plugs in; looked up once for the whole page."""

    def __init__(self, socket: extensions.CustomerField) -> None:
        super().__init__(read_only=True, source="*", help_text="")
        self.socket = socket
        set_override(self, "field", dict(socket.schema))

    def to_representation(self, customer: Customer) -> Any:
        root = self.root
        if not hasattr(root, "looked_up"):
            root.looked_up = {}  # type: ignore[attr-defined]
        looked_up: dict[str, Mapping[int, Any]] = root.looked_up  # type: ignore[attr-defined]
        if self.socket.name not in looked_up:
            shown: Any = root.instance
            page = shown if isinstance(shown, list) else [shown]
            looked_up[self.socket.name] = self.socket.values(page, self.context["view"].now)
        return looked_up[self.socket.name].get(customer.pk, self.socket.default)


class CustomerShape(Shape):
    """A customer. Who may not see contacts in full gets them masked."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    email = serializers.SerializerMethodField()
    phone = serializers.SerializerMethodField(help_text="E.164")
    line_id = serializers.SerializerMethodField()
    language = serializers.CharField()
    timezone = serializers.CharField(source="time_zone", help_text="IANA name")
    birthday = serializers.DateField(allow_null=True)
    tags = serializers.SerializerMethodField()
    attributes = serializers.DictField()
    source = serializers.CharField(  # type: ignore[assignment] # a field of that name
        help_text="where we first heard of them"
    )
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        self._declared_fields = {
            **type(self)._declared_fields,
            **{socket.name: SocketField(socket) for socket in extensions.customer_fields()},
        }
        return super().get_fields()

    def _reveals(self) -> bool:
        staff = self.context["view"].staff
        return staff is None or may(staff, "contacts.reveal")

    def get_email(self, customer: Customer) -> str:
        return customer.email if self._reveals() else masks.mask_email(customer.email)

    def get_phone(self, customer: Customer) -> str:
        phone = str(customer.phone or "")
        return phone if self._reveals() else masks.mask_phone(phone)

    def get_line_id(self, customer: Customer) -> str:
        return customer.line_id if self._reveals() else masks.mask_text(customer.line_id)

    @extend_schema_field(TAGS_SCHEMA)
    def get_tags(self, customer: Customer) -> list[str]:
        return [tag.name for tag in customer.tags.all()]


class ProfileGiven(Given):
    """What can be said of a person besides their ids. What is left out stays as it is."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    language = serializers.CharField(required=False, allow_blank=True, max_length=8)
    timezone = serializers.CharField(required=False, allow_blank=True, max_length=64, source="time_zone")
    birthday = serializers.DateField(required=False)
    attributes = serializers.DictField(required=False, help_text="Merged key by key; null removes a key.")
    tags = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=100)


class UpsertGiven(ProfileGiven):
    identities = IdentitiesGiven()
    tags = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=100, help_text="Added."
    )
    consents = ConsentsField(required=False)


class CustomerGiven(ProfileGiven):
    email = serializers.CharField(required=False, allow_blank=True, max_length=254)
    phone = PhoneField(required=False, allow_blank=True, max_length=60)
    line_id = serializers.CharField(required=False, allow_blank=True, max_length=64)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=100, help_text="Exactly these."
    )


class ConsentsGiven(Given):
    consents = ConsentsField(help_text="What is not named stays as it is.")
    wording = serializers.CharField(required=False, allow_blank=True, max_length=5000, help_text="what they agreed to")
    occurred_at = MomentField(required=False, help_text="when they said so; now unless given")

    def to_internal_value(self, data: Any) -> Any:
        # The bare object {"sms": {"promotions": "in"}} says all there is to say, too.
        if isinstance(data, Mapping) and data and set(data) <= set(Channel.values):
            data = {"consents": data}
        return super().to_internal_value(data)


class EvidenceShape(Shape):
    channel = serializers.ChoiceField(choices=Channel.choices)
    topic = serializers.CharField(source="topic.slug")
    state = serializers.ChoiceField(choices=State.choices)
    via = serializers.ChoiceField(choices=ConsentEvent.Via.choices)
    wording = serializers.CharField()
    occurred_at = serializers.DateTimeField()


class ConsentsShape(Shape):
    consents = ConsentsField()
    evidence = EvidenceShape(many=True)


@extend_schema_view(
    list=extend_schema(summary="List customers"),
    retrieve=extend_schema(summary="Get a customer", description="The ETag is for If-Match on PATCH."),
)
class CustomerView(mixins.ListModelMixin, Noun):
    scope = "customers"
    scopes = {
        "record_consents": ("consents:write", "customers:write"),
        "timeline": ("customers:read", "events:read"),
    }
    queryset = Customer.objects.none()
    serializer_class = CustomerShape
    filterset_class = CustomerFilters
    sort = Sort("created_at")

    def get_queryset(self) -> QuerySet[Customer]:
        found = self.visible_customers().prefetch_related("tags")
        return found.filter(is_visitor=False) if self.action == "list" else found

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(
        summary="Make a customer known, or update them",
        description="Finds the person by any of the identities: outside id, email, phone, LINE id, in this order.",
        request=UpsertGiven, responses={200: CustomerShape, 201: CustomerShape},
    )  # fmt: skip
    @transaction.atomic
    def upsert(self, request: Request) -> Response:
        given = checked(UpsertGiven(data=request.data, context=self.get_serializer_context()))
        changes = given.pop("consents", {})
        with named_faults():
            upserted = customers.upsert_customer(source=self.source, now=self.now, **given)
        customer = self._only_if_visible(upserted.customer)
        if changes:
            self._record_consents(customer, {"consents": changes})
        return self._tagged(customer, status=201 if upserted.created else 200)

    @extend_schema(summary="Add a customer", request=CustomerGiven, responses={201: CustomerShape})
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = checked(CustomerGiven(data=request.data, context=self.get_serializer_context()))
        with named_faults():
            customer = customers.create_customer(now=self.now, actor=self.staff, owner=None, **given)
        if customer.source != self.source:
            customer.source = self.source
            customer.save(update_fields=["source"])
        return self._tagged(customer, status=201)

    @extend_schema(
        summary="Change a customer", request=CustomerGiven, responses={200: CustomerShape},
        description="With If-Match, refused with 412 when somebody else has changed the record since.",
    )  # fmt: skip
    @transaction.atomic
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        customer = self.get_locked()
        self._refuse_lost_update(customer)
        given = checked(CustomerGiven(data=request.data, partial=True, context=self.get_serializer_context()))
        tags = given.pop("tags", None)
        with named_faults():
            customers.edit_customer(customer, given, now=self.now, actor=self.staff)
            if tags is not None:
                customer.tags.set(customers.tags_called(tags))
        return self._tagged(self.get_object())

    @extend_schema(summary="What happened with a customer, newest first", responses=EventShape(many=True))
    def timeline(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        events = Event.objects.filter(customer=self.get_object()).select_related("customer")
        self.sort = Sort("occurred_at")
        page = self.paginate_queryset(events)
        return self.get_paginated_response(EventShape(page, many=True, context=self.get_serializer_context()).data)

    @extend_schema(summary="What a customer agreed to", responses=ConsentsShape)
    def consents(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._consents_of(self.get_object())

    @extend_schema(summary="Record or withdraw consent", request=ConsentsGiven, responses=ConsentsShape)
    @transaction.atomic
    def record_consents(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        customer = self.get_object()
        given = checked(ConsentsGiven(data=request.data, context=self.get_serializer_context()))
        self._record_consents(customer, given)
        return self._consents_of(customer)

    def parameters(self) -> frozenset[str]:
        if self.action == "timeline":
            return frozenset({"limit", "cursor", "fields"})
        return super().parameters()

    def _record_consents(self, customer: Customer, given: Mapping[str, Any]) -> None:
        try:
            consents.record_consents(
                customer, given["consents"], now=self.now, actor=self.staff,
                via=ConsentEvent.Via.STAFF if self.staff else ConsentEvent.Via.API,
                occurred_at=given.get("occurred_at"), wording=given.get("wording", ""),
            )  # fmt: skip
        except consents.InvalidConsent as error:
            raise fault(["consents", *error.path.split(".", 1)], error.message, "invalid_consent") from error

    def _consents_of(self, customer: Customer) -> Response:
        states: dict[str, dict[str, str]] = {}
        for row in customer.consents.select_related("topic").order_by("channel", "topic__slug"):
            states.setdefault(row.channel, {})[row.topic.slug] = row.state
        evidence = customer.consent_events.select_related("topic").order_by("-occurred_at", "-pk")[:100]
        return Response(
            ConsentsShape({"consents": states, "evidence": evidence}, context=self.get_serializer_context()).data
        )

    def _only_if_visible(self, customer: Customer) -> Customer:
        found = self.get_queryset().filter(pk=customer.pk).first()
        if found is None:
            # Somebody else's customer, to a member of staff who sees only their own.
            raise Problem("forbidden", _("This customer belongs to somebody else."))
        return found

    def _tagged(self, customer: Customer, status: int = 200) -> Response:
        return self.answer(customer, status, {"ETag": self._etag(customer)})

    def _etag(self, customer: Customer) -> str:
        """The version of the record as this caller sees it, whatever fields were asked for."""
        shown = CustomerShape(customer, context={"view": self}).data
        return f'"{hashlib.sha256(dump(shown)).hexdigest()[:32]}"'

    def _refuse_lost_update(self, customer: Customer) -> None:
        expected = self.request.headers.get("If-Match", "*").strip()
        if expected != "*" and self._etag(customer) not in [tag.strip() for tag in expected.split(",")]:
            raise Problem("precondition_failed", _("Somebody has changed this customer since you read it."))
