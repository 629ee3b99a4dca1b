"""What is wrong with a definition, at its place in the body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from crm.api.fields import Shape, faults
from crm.api.parsers import StrictJSONParser
from journeys.flows.definition import DEEPEST
from journeys.flows.faults import Fault

CODE = "invalid_definition"
DEFINITION_SCHEMA = {
    "type": "object",
    "description": "A flow as JSON: trigger, steps and what else docs/journeys.md lists.",
    "additionalProperties": True,
    "example": {
        "trigger": {"event": "Order Delivered"},
        "steps": [
            {"id": "settle", "type": "wait", "for": "P7D"},
            {"id": "ask", "type": "send", "channel": "sms", "topic": "after_sales", "body": "How do you like it?"},
        ],
    },
}


class DefinitionParser(StrictJSONParser):
    """For bodies that hold a flow: branches in branches nest deeper than anything else that programs send."""

    max_depth = DEEPEST


@extend_schema_field(DEFINITION_SCHEMA)
class DefinitionField(serializers.DictField):
    """A flow's JSON, perhaps with faults: these are told by the definition itself."""


class DefinitionFaultShape(Shape):
    """One thing that stands in the way of publishing."""

    path = serializers.CharField(help_text="in the definition: steps[2].then[0].topic")
    step = serializers.CharField(help_text="the id of the step it is in; empty outside of steps")
    message = serializers.CharField()


def parts_of(path: str) -> list[str]:
    """`steps[2].then[0].topic` as the keys that lead there."""
    return [part for part in re.split(r"[\[\].]+", path) if part]


def refused(found: Iterable[Fault], *base: str, code: str = CODE) -> ValidationError:
    """The API's error for faults of the definition that stands at `base` of the body."""
    return faults(([*base, *parts_of(fault.path)], fault.message, code) for fault in found)


def as_json(found: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{"path": fault.path, "step": fault.step, "message": str(fault.message)} for fault in found]
