"""Who is told of which facts, and what became of each call."""

from __future__ import annotations

from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.fields import Given, Shape, at_most, checked, fault
from crm.lib.paging import Sort
from crm.models import HookDelivery, WebhookEndpoint
from crm.services import hooks


class EndpointShape(Shape):
    id = serializers.UUIDField(source="public_id")
    url = serializers.CharField()
    description = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()
    disabled_at = serializers.DateTimeField(allow_null=True, help_text="when we gave up on it")
    disabled_reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class NewEndpointShape(EndpointShape):
    secret = serializers.CharField(help_text="signs every call; shown this once")


class _Said(Given):
    description = serializers.CharField(required=False, allow_blank=True, max_length=200)


class EndpointGiven(_Said):
    url = serializers.CharField(max_length=500)
    events = serializers.ListField(
        child=serializers.CharField(max_length=200), validators=[at_most(hooks.MOST_EVENTS)],
        help_text="names of the event log, such as Order Completed",
    )  # fmt: skip


class EndpointChangeGiven(_Said):
    url = serializers.CharField(max_length=500, required=False)
    events = serializers.ListField(
        child=serializers.CharField(max_length=200), validators=[at_most(hooks.MOST_EVENTS)], required=False
    )
    is_active = serializers.BooleanField(required=False)


class DeliveryShape(Shape):
    id = serializers.UUIDField(source="public_id")
    webhook_id = serializers.CharField(help_text="the same on every try")
    event = serializers.CharField()
    state = serializers.ChoiceField(choices=HookDelivery.State.choices)
    reason = serializers.CharField()
    detail = serializers.CharField(help_text="what was answered, or what went wrong")
    status = serializers.IntegerField(allow_null=True, help_text="of the last answer")
    attempts = serializers.IntegerField()
    queued_at = serializers.DateTimeField()
    next_try_at = serializers.DateTimeField(source="due_at")
    ended_at = serializers.DateTimeField(allow_null=True)


@extend_schema_view(list=extend_schema(summary="List endpoints"), retrieve=extend_schema(summary="Get an endpoint"))
class EndpointView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    queryset = WebhookEndpoint.objects.all()
    serializer_class = EndpointShape
    sort = Sort("id")

    def scopes_needed(self, request: Request) -> tuple[str, ...]:
        return ("webhooks:manage",)

    @extend_schema(
        summary="Add an endpoint", request=EndpointGiven, responses={201: NewEndpointShape},
        description="Told of these facts from now on. The answer has the secret, this once.",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        given = checked(EndpointGiven(data=request.data))
        try:
            made = hooks.create_endpoint(**given, actor=self.staff, now=self.now)
        except hooks.InvalidEndpoint as error:
            raise fault([error.field], error.message, f"invalid_{error.field}") from error
        return Response(self.get_serializer(made.endpoint).data | {"secret": made.secret}, status=201)

    @extend_schema(summary="Change an endpoint", request=EndpointChangeGiven, responses={200: EndpointShape})
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = checked(EndpointChangeGiven(data=request.data))
        try:
            endpoint = hooks.edit_endpoint(self.get_object(), given)
        except hooks.InvalidEndpoint as error:
            raise fault([error.field], error.message, f"invalid_{error.field}") from error
        return self.answer(endpoint)

    @extend_schema(
        summary="Delete an endpoint", responses={204: None}, description="What is still owed to it goes with it."
    )
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.get_object().delete()
        return Response(status=204)


class DeliveryFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    state = django_filters.ChoiceFilter(choices=HookDelivery.State.choices)

    class Meta:
        model = HookDelivery
        fields: list[str] = []


class DeliveryView(mixins.ListModelMixin, Noun):
    """The calls to one endpoint."""

    queryset = HookDelivery.objects.none()
    serializer_class = DeliveryShape
    filterset_class = DeliveryFilters
    sort = Sort("id")

    def scopes_needed(self, request: Request) -> tuple[str, ...]:
        return ("webhooks:manage",)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        endpoint = get_object_or_404(WebhookEndpoint, public_id=self.kwargs["endpoint"])
        return HookDelivery.objects.filter(endpoint=endpoint)

    @extend_schema(summary="List the calls to an endpoint")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        summary="Make a call again", request=None, responses={202: DeliveryShape},
        description="The same webhook-id and body, signed anew.",
    )  # fmt: skip
    def replay(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delivery = self.get_object()
        if not hooks.replay(delivery, now=self.now):
            raise Problem("conflict", "It is still in line, or was never written.")
        delivery.refresh_from_db()
        return self.answer(delivery, 202)
