"""What a text costs as SMS, before anybody sends it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Door
from crm.api.fields import Given, Shape, checked
from crm.models import Channel
from messaging.rendering.shortening import as_sent
from messaging.texts import sms


class TextGiven(Given):
    text = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=20_000)


class MeasureShape(Shape):
    encoding = serializers.ChoiceField(choices=["GSM-7", "UCS-2"])
    units = serializers.IntegerField(help_text="septets, or 16-bit code units")
    segments = serializers.IntegerField(help_text="what the network carries, and bills")
    remaining = serializers.IntegerField(help_text="units free before another segment is needed")


class MeasureView(Door):
    scopes = {"post": ()}  # arithmetic: every key may ask

    @extend_schema(
        summary="Measure a text as SMS",
        description="To the letter, with short links where the shop uses them; messages leave without space around.",
        request=TextGiven, responses=MeasureShape,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        given = checked(TextGiven(data=request.data))
        return Response(sms.measure(as_sent(given["text"], Channel.SMS)).as_json())
