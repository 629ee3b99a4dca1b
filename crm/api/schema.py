"""What every call has in common, as OpenAPI says it."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from crm.api.idempotency import HEADER
from crm.api.problems import CONTENT_TYPE

Direction = Literal["request", "response"]


class FaultShape(serializers.Serializer[Any]):
    """One thing that is wrong, and where: in the body or among the parameters."""

    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body")
    parameter = serializers.CharField(required=False)
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemShape(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField(help_text="leads to what it means")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    id = serializers.CharField(required=False, help_text="of a failure of ours, in our log")
    errors = FaultShape(many=True, required=False)  # type: ignore[assignment] # a field of that name


class ApiSchema(AutoSchema):
    """Adds the headers that the door understands, and the problem that any call may answer with."""

    def get_override_parameters(self) -> list[Any]:
        if self.method == "POST":
            return [
                OpenApiParameter(
                    HEADER, str, OpenApiParameter.HEADER,
                    description="The same call with the same key again is answered, not done, again; for 48 hours.",
                )
            ]  # fmt: skip
        if self.method == "GET" and not self._is_list_view():
            return [OpenApiParameter("fields", str, description="Only these fields, separated by commas.")]
        if self.method == "PATCH":
            return [OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="the ETag you read")]
        return []

    def get_serializer_name(self, serializer: Any, direction: Direction) -> str:
        """A shape is called by its noun; what is given for it gets "Request" behind that."""
        name: str = super().get_serializer_name(serializer, direction)
        return name.removesuffix("Shape").removesuffix("Given")

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemShape, "response").ref
        bodies["default"] = {"description": "A problem", "content": {CONTENT_TYPE: {"schema": problem}}}
        return bodies
