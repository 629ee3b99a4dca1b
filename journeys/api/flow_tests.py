"""Tests of a flow: what must come of a script before its draft is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Door
from crm.api.fields import Given, Shape, checked, fault
from journeys.api.definitions import refused
from journeys.api.flow_shapes import NothingGiven
from journeys.api.simulations import WHATS, ScriptGiven, refusal_of, script_of
from journeys.flows import versions
from journeys.models import Flow, FlowTest
from journeys.simulation import expectations, flow_tests
from journeys.simulation.flow_tests import CannotKeep
from journeys.simulation.scripts import InvalidScript, Profile, Script
from journeys.simulation.simulate import SimulationBroke
from journeys.simulation.words import difference_in_words, titles_of

MOST_LINES = 1000


class LineGiven(Given):
    """One line of what must come of it. What is left out is not compared."""

    at = serializers.RegexField(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$", help_text="by the customer's clock, no offset"
    )
    step = serializers.CharField(allow_null=True, max_length=64)
    what = serializers.ChoiceField(choices=WHATS)
    reason = serializers.CharField(required=False, max_length=300)
    path = serializers.CharField(required=False, max_length=300)
    channel = serializers.CharField(required=False, max_length=16)
    subject = serializers.CharField(required=False, trim_whitespace=False)
    body = serializers.CharField(required=False, trim_whitespace=False)

    def validate_at(self, text: str) -> str:
        try:
            return datetime.fromisoformat(text).isoformat()
        except ValueError as error:
            raise ValidationError(_("must be a time such as 2026-03-09T09:00"), "invalid_time") from error


class FlowTestGiven(Given):
    name = serializers.CharField(max_length=100)
    script = ScriptGiven()
    expected = serializers.ListField(
        child=LineGiven(), required=False, max_length=MOST_LINES,
        help_text="in order; left out, what the draft does now is what it must do",
    )  # fmt: skip
    texts = serializers.BooleanField(default=True, help_text="when `expected` is left out: messages must say the same")


class DifferenceShape(Shape):
    kind = serializers.ChoiceField(choices=["missing", "extra", "changed", "broken"])
    message = serializers.CharField()
    expected = serializers.DictField(required=False)
    got = serializers.DictField(required=False)


class FlowTestShape(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    passed = serializers.BooleanField(allow_null=True, help_text="null: the draft as it is now has not been tried")
    differences = DifferenceShape(many=True)
    ran_at = serializers.DateTimeField(allow_null=True)
    script = serializers.DictField()
    expected = serializers.ListField(child=serializers.DictField())
    created_at = serializers.DateTimeField()


class FlowTestsShape(Shape):
    results = FlowTestShape(many=True)


class RunShape(Shape):
    passed = serializers.BooleanField(help_text="all of them")
    results = FlowTestShape(many=True)


class _OfFlow(Door):
    scope = "flows"

    def flow(self) -> Flow:
        found = Flow.objects.filter(slug=self.kwargs["slug"]).first()
        if found is None:
            raise Http404
        return found


class FlowTestsView(_OfFlow):
    @extend_schema(summary="List a flow's tests", responses=FlowTestsShape)
    def get(self, request: Request, slug: str) -> Response:
        flow = self.flow()
        return Response(FlowTestsShape({"results": shown(flow, FlowTest.objects.filter(flow=flow))}).data)

    @extend_schema(
        summary="Keep a test",
        description=(
            "`script` is the body of `POST flows/simulate/` about somebody made up. While a test fails, publishing is "
            "refused with `test_failed`."
        ),
        request=FlowTestGiven, responses={201: FlowTestShape},
    )  # fmt: skip
    @transaction.atomic
    def post(self, request: Request, slug: str) -> Response:
        flow = self.flow()
        given = checked(FlowTestGiven(data=request.data, context={"view": self, "request": request}))
        who = Profile(**given["script"].get("profile", {}))
        script = script_of(given["script"], who=who, flow=flow, definition=flow.draft)
        try:
            test = flow_tests.keep_test(
                flow, name=given["name"], script=script, expected=_expected(flow, script, given), actor=self.staff,
                now=self.now,
            )  # fmt: skip
        except CannotKeep as error:
            raise fault([error.field], error.message, "conflict") from error
        return Response(shown(flow, [test])[0], 201)


def _expected(flow: Flow, script: Script, given: Mapping[str, Any]) -> Sequence[expectations.Line]:
    if "expected" in given:
        return [dict(line) for line in given["expected"]]
    if found := versions.faults_of(flow.draft, slug=flow.slug):
        raise refused(found, "draft")
    try:
        lines = flow_tests.lines_of(script)
    except InvalidScript as error:
        raise refusal_of(error, "script") from error
    except SimulationBroke as error:
        raise fault(["script"], str(error), "cannot_simulate") from error
    return lines if given["texts"] else expectations.without_texts(lines)


class FlowTestRunView(_OfFlow):
    @extend_schema(summary="Run a flow's tests", request=NothingGiven, responses=RunShape)
    def post(self, request: Request, slug: str) -> Response:
        checked(NothingGiven(data=request.data))
        flow = self.flow()
        tests = list(FlowTest.objects.filter(flow=flow).select_related("flow"))
        flow_tests.run_tests(flow, tests, now=self.now)
        passed = not any(test.differences for test in tests)
        return Response(RunShape({"passed": passed, "results": shown(flow, tests)}).data)


class FlowTestView(_OfFlow):
    @extend_schema(summary="Delete a test", responses={204: None})
    def delete(self, request: Request, slug: str, id: int) -> Response:
        deleted, _of = FlowTest.objects.filter(flow=self.flow(), pk=id).delete()
        if not deleted:
            raise Http404
        return Response(status=204)


def shown(flow: Flow, tests: Iterable[FlowTest]) -> list[dict[str, Any]]:
    """The tests as JSON."""
    titles, print_ = titles_of(flow.draft), versions.fingerprint(flow.draft)
    return [
        dict(
            FlowTestShape(
                {
                    "id": test.pk, "name": test.name, "script": test.script, "expected": test.expected,
                    "passed": (not test.differences) if test.ran_with == print_ else None,
                    "differences": [
                        {"message": difference_in_words(difference, titles), **difference}
                        for difference in test.differences
                    ],
                    "ran_at": test.ran_at, "created_at": test.created_at,
                }
            ).data
        )
        for test in tests
    ]  # fmt: skip
