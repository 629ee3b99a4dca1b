"""Segments: rules with a name, who they hold for, and how many a rule would find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import PAGING, Noun
from crm.api.errors import Problem
from crm.api.fields import Given, Shape, at_most, checked, fault, faults
from crm.lib.paging import Sort
from crm.models import Segment, SegmentMember
from crm.rules import Fault, InvalidRule, matching, parse_rule
from crm.rules.leaves.segments import segment_faults
from crm.services import segments


class SegmentFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Segment
        fields: list[str] = []


class SegmentShape(Shape):
    slug = serializers.SlugField()
    name = serializers.CharField()
    description = serializers.CharField()
    rule = serializers.JSONField(help_text="in the rule grammar: docs/rules.md")
    members = serializers.IntegerField(source="member_count", help_text="as of the last refresh")
    changed_at = serializers.DateTimeField(allow_null=True, help_text="when somebody last entered or left")
    is_refreshing = serializers.SerializerMethodField(help_text="a refresh was asked for and is still to come")
    created_at = serializers.DateTimeField()

    def get_is_refreshing(self, segment: Segment) -> bool:
        return segment.refresh_asked_at is not None


class SegmentGiven(Given):
    name = serializers.CharField(max_length=100)
    slug = serializers.SlugField(required=False, max_length=64, help_text="made from the name unless given")
    description = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    rule = serializers.JSONField()


class SegmentChangeGiven(Given):
    name = serializers.CharField(required=False, max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    rule = serializers.JSONField(required=False)


class RuleAskedGiven(Given):
    rule = serializers.JSONField()
    sample = serializers.IntegerField(required=False, default=0, min_value=0, max_value=50)


class RuleFoundShape(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="customers the rule holds for now, among those the caller may see")
    sample = serializers.ListField(child=serializers.UUIDField(), validators=[at_most(50)])


class MemberShape(Shape):
    customer = serializers.UUIDField(source="customer.public_id")
    since = serializers.DateTimeField()


@extend_schema_view(
    list=extend_schema(summary="List segments"),
    retrieve=extend_schema(summary="Get a segment"),
)
class SegmentView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "segments"
    scopes = {"preview": ("segments:read",)}
    queryset = Segment.objects.all()
    serializer_class = SegmentShape
    filterset_class = SegmentFilters
    sort = Sort("name", descending=False)
    lookup_field = "slug"
    lookup_url_kwarg = "slug"

    @extend_schema(summary="Add a segment", request=SegmentGiven, responses={201: SegmentShape})
    def create(self, request: Request) -> Response:
        given = checked(SegmentGiven(data=request.data))
        try:
            segment = segments.create_segment(**given, actor=self.staff, now=self.now)
        except segments.InvalidSegment as error:
            raise _named(error) from error
        return self.answer(segment, 201)

    @extend_schema(
        summary="Change a segment", request=SegmentChangeGiven, responses={200: SegmentShape},
        description="A new rule is worked off soon after; who enters and leaves by it becomes a fact.",
    )  # fmt: skip
    def partial_update(self, request: Request, slug: str) -> Response:
        given = checked(SegmentChangeGiven(data=request.data))
        try:
            segment = segments.edit_segment(self.get_object(), given, now=self.now)
        except segments.InvalidSegment as error:
            raise _named(error) from error
        return self.answer(segment)

    @extend_schema(summary="Delete a segment", responses={204: None})
    def destroy(self, request: Request, slug: str) -> Response:
        try:
            segments.delete_segment(self.get_object())
        except segments.SegmentInUse as error:
            raise Problem("conflict", str(error)) from error
        return Response(status=204)

    @extend_schema(summary="Refresh a segment", request=None, responses={202: SegmentShape})
    def refresh(self, request: Request, slug: str) -> Response:
        segment = self.get_object()
        segments.ask_refresh([segment], self.now)
        segment.refresh_from_db()
        return self.answer(segment, 202)

    @extend_schema(
        summary="Count whom a rule finds", request=RuleAskedGiven, responses={200: RuleFoundShape},
        description="Writes nothing.",
    )  # fmt: skip
    def preview(self, request: Request) -> Response:
        given = checked(RuleAskedGiven(data=request.data))
        try:
            rule = parse_rule(given["rule"])
            if wrong := segment_faults(given["rule"]):
                raise _faulty(wrong)
            people = matching(rule, now=self.now).filter(pk__in=self.visible_customers().values("pk"))
        except InvalidRule as error:
            raise _faulty(error.faults) from error
        sample = people.order_by("-pk").values_list("public_id", flat=True)[: given["sample"]]
        return Response({"count": people.count(), "sample": list(sample)})


class SegmentMemberView(mixins.ListModelMixin, Noun):
    """Who is in a segment: ids, no names."""

    scope = "segments"
    queryset = SegmentMember.objects.none()
    serializer_class = MemberShape
    sort = Sort("since")

    def parameters(self) -> frozenset[str]:
        return PAGING

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        segment = get_object_or_404(Segment, slug=self.kwargs["slug"])
        members = SegmentMember.objects.filter(segment=segment).select_related("customer")
        return members.filter(customer__in=self.visible_customers().values("pk"))

    @extend_schema(summary="List the members of a segment")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)


def _named(error: segments.InvalidSegment) -> ValidationError:
    return _faulty(error.faults) if error.faults else fault([error.field], error.message, "invalid")


def _faulty(wrong: Sequence[Fault]) -> ValidationError:
    """A rule's faults, each at its place in the body."""
    return faults((["rule", *path_of(one)], one.message, "invalid_rule") for one in wrong)


def path_of(one: Fault) -> list[str]:
    """ "all[0].event.within" → ["all", "0", "event", "within"]."""
    return [part for part in one.path.replace("[", ".").replace("]", "").split(".") if part]
