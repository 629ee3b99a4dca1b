"""Try a flow before anybody is written to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Door
from crm.api.customers import ConsentsField
from crm.api.fields import Given, MomentField, PhoneField, Shape, at_most, checked, fault
from crm.models import ApiKey, Channel, Customer, State
from journeys.api.definitions import DefinitionField, DefinitionParser
from journeys.api.trials import FLOW_HELP, ShopGiven, ZoneField, flow_behind, refuse_both_or_none, shop_rules
from journeys.models import Flow
from journeys.simulation.scripts import LONGEST, USUAL_LENGTH, Happening, InvalidScript, Profile, Script
from journeys.simulation.simulate import Simulation, simulate
from journeys.simulation.stored import happening_of

MOST_EVENTS = 1000
MAX_ATTRIBUTES = 200
STATES = ["active", "completed", "exited", "failed"]
WHATS = [
    "entered", "waiting", "woken", "timed_out", "sent", "held", "withheld", "moved", "exited", "completed",
]  # fmt: skip


# --- What comes in ----------------------------------------------------------------------------


class AttributesField(serializers.DictField):
    """Custom attributes of a customer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=[at_most(MAX_ATTRIBUTES)], **kwargs)


class MadeUpGiven(Given):
    """Somebody who does not exist."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    timezone = ZoneField(required=False, allow_blank=True, source="time_zone")
    phone = PhoneField(required=False, allow_blank=True, max_length=60)
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    line_id = serializers.CharField(required=False, allow_blank=True, max_length=64)
    language = serializers.CharField(required=False, allow_blank=True, max_length=8)
    birthday = serializers.DateField(required=False, allow_null=True)
    attributes = AttributesField(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=64), required=False, max_length=100)
    consents = ConsentsField(required=False)


class TriggerGiven(Given):
    event = serializers.CharField(max_length=200)
    properties = serializers.DictField(required=False)


class ConsentChangeGiven(Given):
    channel = serializers.ChoiceField(choices=Channel.choices)
    topic = serializers.CharField(max_length=64)
    state = serializers.ChoiceField(choices=State.choices)


class HappeningGiven(Given):
    """One of an event, a change of consent, a change of attributes."""

    at = MomentField(future=True)
    event = serializers.CharField(required=False, max_length=200)
    properties = serializers.DictField(required=False)
    consent = ConsentChangeGiven(required=False)
    attributes = AttributesField(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if len({"event", "consent", "attributes"} & given.keys()) != 1:
            raise ValidationError(_("needs exactly one of event, consent and attributes"), "invalid")
        if "properties" in given and "event" not in given:
            raise fault(["properties"], _("belong to an event"), "invalid")
        return given


class ScriptGiven(Given):
    """What happens, to somebody made up."""

    profile = MadeUpGiven(required=False)
    shop = ShopGiven(required=False)
    start = MomentField(future=True)
    trigger = TriggerGiven(required=False, help_text="what happens at `start`; without it, entered by hand")
    events = serializers.ListField(child=HappeningGiven(), required=False, max_length=MOST_EVENTS)
    until = MomentField(future=True, required=False, help_text="60 days after `start` unless given")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        given.setdefault("until", given["start"] + USUAL_LENGTH)
        if given["until"] < given["start"]:
            raise fault(["until"], _("lies before start"), "invalid")
        if given["until"] - given["start"] > LONGEST:
            raise fault(["until"], _("lies more than five years after start"), "out_of_range")
        return given


class SimulationGiven(ScriptGiven):
    definition = DefinitionField(required=False)
    flow = serializers.CharField(required=False, max_length=64, help_text=FLOW_HELP)
    customer = serializers.UUIDField(required=False, help_text="somebody real, in place of `profile`")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        refuse_both_or_none(given)
        if "customer" in given and "profile" in given:
            raise fault(["customer"], _("needs either profile or customer"), "invalid")
        return super().validate(given)


def script_of(
    given: Mapping[str, Any], *, who: Profile | Customer, flow: Flow | None, definition: Mapping[str, Any]
) -> Script:
    """What a checked body says, about this flow and definition."""
    trigger, start = given.get("trigger"), given["start"]
    return Script(
        definition=definition,
        flow=flow,
        who=who,
        start=start,
        until=given["until"],
        trigger=Happening(start, trigger["event"], trigger.get("properties", {})) if trigger else None,
        events=[happening_of(told, at=told["at"]) for told in given.get("events", ())],
        rules=shop_rules(given.get("shop", {})),
    )


def refusal_of(error: InvalidScript, *base: str) -> ValidationError:
    """The API's error for what cannot be played in the script that stands at `base` of the body."""
    path = error.path
    if path[0] == "events" and error.code == "invalid_consent":
        # A script says {channel: {topic: state}} for what the body spreads over three keys.
        path = (*path[:3], "topic" if len(path) > 4 else "channel")
    return fault([*base, *path], error.message, error.code)


# --- What goes out ----------------------------------------------------------------------------


class ShownShape(Shape):
    channel = serializers.ChoiceField(choices=Channel.choices)
    subject = serializers.CharField(required=False)
    body = serializers.CharField(help_text="as the customer would read it")
    reason = serializers.CharField(required=False, help_text="why it did not go out, or not yet")


class EntryShape(Shape):
    at = serializers.DateTimeField()
    step = serializers.CharField(allow_null=True, help_text="id of the step; null for the flow as a whole")
    what = serializers.ChoiceField(choices=WHATS)
    detail = serializers.DictField(help_text="the decision's inputs")
    message = ShownShape(required=False)


class SimulationShape(Shape):
    entries = EntryShape(many=True)
    state = serializers.ChoiceField(choices=STATES)
    reason = serializers.CharField(required=False)
    due_at = serializers.DateTimeField(required=False, help_text="when an active run goes on")
    stages = serializers.DictField(child=serializers.CharField(), help_text="by journey, at the end")


class SimulationView(Door):
    scopes = {"post": ("flows:read", "flows:write")}
    parser_classes = (DefinitionParser,)

    @extend_schema(
        summary="Simulate a flow",
        description=(
            "Plays a flow for one customer under a clock of its own and writes nothing. Rules, waits, consent, caps, "
            "quiet hours and texts are the real ones. `events` before `start` are what happened before."
        ),
        request=SimulationGiven, responses=SimulationShape,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        given = checked(SimulationGiven(data=request.data, context={"view": self, "request": request}))
        flow, definition = flow_behind(given)
        try:
            played = simulate(script_of(given, who=self._who(given), flow=flow, definition=definition))
        except InvalidScript as error:
            raise refusal_of(error) from error
        return Response(_as_json(played))

    def _who(self, given: Mapping[str, Any]) -> Profile | Customer:
        if "customer" not in given:
            return Profile(**given.get("profile", {}))
        key = self.request.auth
        if isinstance(key, ApiKey) and "customers:read" not in key.scopes:
            raise PermissionDenied(
                _("This API key needs the scope %(scope)s.") % {"scope": "customers:read"}, "missing_scope"
            )
        customer = self.visible_customers().filter(public_id=given["customer"]).first()
        if customer is None:
            raise fault(["customer"], _("There is no such customer."), "unknown_customer")
        return customer


def _as_json(played: Simulation) -> dict[str, Any]:
    return SimulationShape(
        {
            "entries": [
                {
                    "at": entry.at, "step": entry.step, "what": entry.what, "detail": dict(entry.detail),
                    **({"message": _shown(entry.message)} if entry.message else {}),
                }
                for entry in played.entries
            ],
            "state": played.state,
            "stages": dict(played.stages),
            **({"reason": played.reason} if played.reason else {}),
            **({"due_at": played.due_at} if played.due_at else {}),
        }
    ).data  # fmt: skip


def _shown(message: Any) -> dict[str, str]:
    said = {"channel": message.channel, "subject": message.subject, "body": message.body, "reason": message.reason}
    return {name: text for name, text in said.items() if text or name in ("channel", "body")}
