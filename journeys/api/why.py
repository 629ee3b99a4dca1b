"""Why a customer is in a flow or not, and why a message went out or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Door
from crm.api.fields import Shape
from crm.api.structs import read_uuid
from crm.models import Customer
from journeys.api.enrolments import EnrolmentShape
from journeys.models import Flow
from journeys.simulation import why
from journeys.simulation.why import FlowAnswer, MessageAnswer
from messaging.models import Message

VERDICTS = [why.PASSED, why.STOPPED, why.NOT_ASKED]
MOST_FLOWS = 50


class GateShape(Shape):
    gate = serializers.CharField()
    title = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    says = serializers.CharField(required=False)
    inputs = serializers.DictField(required=False, help_text="what the answer rests on")


class WhyMessageShape(Shape):
    id = serializers.UUIDField()
    step = serializers.CharField(required=False)
    state = serializers.CharField()
    reason = serializers.CharField()
    forecast = serializers.BooleanField(help_text="not decided yet: what the policy would say now")
    gates = GateShape(many=True)
    inputs = serializers.DictField()


class WhyFlowShape(Shape):
    flow = serializers.CharField()
    may_enter = serializers.BooleanField()
    stopped_by = serializers.CharField(allow_null=True, help_text="the first gate that is shut")
    gates = GateShape(many=True)
    runs = EnrolmentShape(many=True, help_text="the customer's last runs, the latest first")


class WhyShape(Shape):
    flows = WhyFlowShape(many=True)
    messages = WhyMessageShape(many=True)


class WhyView(Door):
    scopes = {"get": ("flows:read", "customers:read")}

    def parameters(self) -> frozenset[str]:
        return frozenset({"flow", "message"})

    @extend_schema(
        summary="Why a customer is in a flow or not, and why a message went out or not",
        description=(
            "Every gate with what it was asked with. Without parameters, the entrances of all live flows. With `flow`, "
            "also the messages of the customer's last run in it."
        ),
        parameters=[
            OpenApiParameter("flow", str, description="slug"),
            OpenApiParameter("message", str, description="id of a message"),
        ],
        responses=WhyShape,
    )
    def get(self, request: Request, id: str) -> Response:
        customer = self.visible_customers().filter(public_id=id).first()
        if customer is None:
            raise Http404
        slug, message = request.query_params.get("flow"), request.query_params.get("message")
        flows = [] if message and not slug else list(self._flows(slug))
        answers = [why.why_flow(flow, customer, now=self.now) for flow in flows]
        messages = list(self._messages(customer, message, answers if slug else []))
        return Response(
            WhyShape(
                {
                    "flows": [_flow_as_json(answer) for answer in answers],
                    "messages": [_message_as_json(why.why_message(found, now=self.now)) for found in messages],
                }
            ).data
        )

    def _flows(self, slug: str | None) -> Iterator[Flow]:
        flows = Flow.objects.select_related("live_version").order_by("name", "pk")
        if not slug:
            yield from flows.filter(state=Flow.State.LIVE)[:MOST_FLOWS]
            return
        found = flows.filter(slug=slug).first()
        if found is None:
            raise _unknown("flow", _("There is no such flow."))
        yield found

    def _messages(self, customer: Customer, asked: str | None, answers: list[FlowAnswer]) -> Iterator[Message]:
        messages = Message.objects.filter(customer=customer).select_related("customer", "topic", "template")
        if asked:
            public_id = read_uuid(asked)
            found = messages.filter(public_id=public_id).first() if public_id else None
            if found is None:
                raise _unknown("message", _("This customer has no such message."))
            yield found
        for run in [run for answer in answers for run in answer.runs[:1]]:
            yield from messages.filter(cause__enrolment=run.pk).order_by("pk")


def _unknown(parameter: str, message: str) -> ValidationError:
    return ValidationError({parameter: [ErrorDetail(message, f"unknown_{parameter}")]})


def _flow_as_json(answer: FlowAnswer) -> dict[str, Any]:
    stopped = answer.stopped_by
    return {
        "flow": answer.flow.slug,
        "may_enter": answer.may_enter,
        "stopped_by": stopped.name if stopped else None,
        "gates": [
            {"gate": gate.name, "title": str(gate.title), "verdict": gate.verdict, "inputs": dict(gate.inputs)}
            for gate in answer.gates
        ],
        "runs": answer.runs,
    }


def _message_as_json(answer: MessageAnswer) -> dict[str, Any]:
    message = answer.message
    step = message.cause.get("step")
    return {
        "id": message.public_id,
        **({"step": step} if step else {}),
        "state": message.state,
        "reason": message.reason,
        "forecast": answer.is_forecast,
        "gates": [
            {"gate": gate.name, "title": str(gate.title), "verdict": gate.verdict, "says": gate.detail}
            for gate in answer.gates
        ],
        "inputs": dict(answer.inputs),
    }
