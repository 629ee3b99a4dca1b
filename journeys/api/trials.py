"""What the calls that try a flow have in common: which flow, and by which of the shop's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from crm.api.fields import Given, fault
from crm.lib.zones import zone_names
from crm.models import Channel
from journeys.api.definitions import CODE, refused
from journeys.flows import versions
from journeys.models import Flow
from journeys.simulation.scripts import ShopRules
from messaging.outbox.policy import ShopPolicy

FLOW_HELP = "slug of a flow; its draft is tried"


class ZoneField(serializers.CharField):
    """An IANA name."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name and name not in zone_names():
            raise ValidationError(_("is not an IANA time zone such as Asia/Bangkok"), "invalid_zone")
        return name


class ShopGiven(Given):
    """What holds for this simulation in place of the shop's own settings."""

    timezone = ZoneField(required=False)
    quiet_hours = serializers.DictField(
        child=serializers.DictField(), required=False,
        help_text='by channel: {"sms": {"from": "21:00", "to": "09:00"}}; "topics": "all" holds service messages too',
    )  # fmt: skip
    caps = serializers.ListField(
        child=serializers.DictField(), required=False, max_length=10, help_text='[{"per": "day", "limit": 2}]'
    )

    def validate_quiet_hours(self, given: Mapping[str, Any]) -> ShopPolicy:
        for channel in given:
            if channel not in Channel.values:
                raise fault([channel], _("There is no such channel."), "invalid_choice")
        for channel, window in given.items():
            try:
                ShopPolicy.from_json({channel: window}, [])
            except ValueError as error:
                raise fault([channel], str(error).partition(": ")[2], "invalid") from error
        return ShopPolicy.from_json(given, [])

    def validate_caps(self, given: Sequence[Mapping[str, Any]]) -> ShopPolicy:
        try:
            return ShopPolicy.from_json({}, given)
        except ValueError as error:
            place, _colon, message = str(error).partition(": ")
            index, _dot, name = place.removeprefix("caps[").partition("].")
            raise fault([index, name], message, "invalid") from error


def refuse_both_or_none(given: Mapping[str, Any]) -> None:
    if ("definition" in given) == ("flow" in given):
        raise fault(["definition"], _("needs either definition or flow"), "required")


def flow_behind(given: Mapping[str, Any]) -> tuple[Flow | None, Mapping[str, Any]]:
    """
    The flow a body names, if it does, and the definition to try.

    Raises:
        ValidationError: there is no such flow, or the definition has faults.
    """
    if "definition" in given:
        if found := versions.faults_of(given["definition"]):
            raise refused(found, "definition")
        return None, given["definition"]
    flow = Flow.objects.filter(slug=given["flow"]).first()
    if flow is None:
        raise fault(["flow"], _("There is no such flow."), "unknown_flow")
    if found := versions.faults_of(flow.draft, slug=flow.slug):
        raise ValidationError({"flow": [ErrorDetail(str(it), CODE) for it in found]})
    return flow, flow.draft


def shop_rules(given: Mapping[str, Any]) -> ShopRules:
    return ShopRules(given.get("timezone"), given.get("quiet_hours"), given.get("caps"))
