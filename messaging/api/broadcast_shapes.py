"""What the calls about broadcasts take and answer with."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm.api.fields import Given, MomentField, Shape, at_most
from crm.models import Channel
from messaging.broadcasts.estimate import Estimate
from messaging.models import Broadcast
from messaging.models.broadcast import MOST_VARIANTS
from messaging.selectors.broadcasts import STATES, Tally
from messaging.texts.liquid import MAX_SOURCE

LETTERS = list("ABCD")
COUNTS = ["waiting", *STATES, "left"]
COUNTS_SCHEMA = {"type": "object", "properties": {name: {"type": "integer"} for name in COUNTS}}
REASONS_SCHEMA = {"type": "object", "additionalProperties": {"type": "integer"}, "example": {"no_consent": 12}}


class BroadcastTextShape(Shape):
    letter = serializers.ChoiceField(choices=LETTERS)
    weight = serializers.IntegerField()
    template = serializers.CharField(help_text="slug; empty for a text of its own")
    subject = serializers.CharField()
    body = serializers.CharField()


class BroadcastShape(Shape):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Broadcast.State.choices)
    awaits_approval = serializers.BooleanField(help_text="a second person has to say yes")
    halt = serializers.CharField(help_text="why it paused by itself; empty when it did not")
    rule = serializers.JSONField(help_text="in the rule grammar: docs/rules.md")
    is_live = serializers.BooleanField(help_text="asked again for each person when their turn comes")
    topic = serializers.CharField(source="topic.slug")
    channel = serializers.ChoiceField(choices=Channel.choices)
    fallback = serializers.ListField(child=serializers.ChoiceField(choices=Channel.choices))
    timing = serializers.ChoiceField(choices=Broadcast.Timing.choices)
    starts_at = serializers.DateTimeField(allow_null=True)
    local_date = serializers.DateField(allow_null=True)
    local_time = serializers.TimeField(allow_null=True)
    per_minute = serializers.IntegerField()
    expires_after = serializers.IntegerField(help_text="hours")
    test_share = serializers.IntegerField(help_text="percent")
    winner_by = serializers.ChoiceField(choices=Broadcast.WinnerBy.choices)
    winner_goal = serializers.CharField()
    winner_after = serializers.IntegerField(help_text="hours")
    winner = serializers.SerializerMethodField()
    variants = BroadcastTextShape(many=True)
    people = serializers.IntegerField(help_text="on its list so far")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    totals = serializers.SerializerMethodField(help_text="what came of it, when it was last counted")
    counted_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field({**COUNTS_SCHEMA, "nullable": True})
    def get_totals(self, broadcast: Broadcast) -> dict[str, int] | None:
        if not broadcast.counted_at:
            return None
        found = Tally.of_json(broadcast.totals)
        return {**{name: found.counts[name] for name in COUNTS}, "clicked": found.clicked}

    @extend_schema_field({"type": "string", "enum": LETTERS, "nullable": True})
    def get_winner(self, broadcast: Broadcast) -> str | None:
        return LETTERS[broadcast.winner - 1] if broadcast.winner else None


class BroadcastTextGiven(Given):
    weight = serializers.IntegerField(required=False, min_value=1, max_value=100)
    template = serializers.CharField(required=False, allow_blank=True, max_length=64)
    subject = serializers.CharField(required=False, allow_blank=True, max_length=200)
    body = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=MAX_SOURCE)


class BroadcastChangesGiven(Given):
    name = serializers.CharField(required=False, max_length=100)
    rule = serializers.JSONField(required=False)
    is_live = serializers.BooleanField(required=False)
    topic = serializers.CharField(required=False, max_length=64)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    fallback = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), required=False, validators=[at_most(3)]
    )
    timing = serializers.ChoiceField(choices=Broadcast.Timing.choices, required=False)
    starts_at = MomentField(future=True, required=False, allow_null=True)
    local_date = serializers.DateField(required=False, allow_null=True)
    local_time = serializers.TimeField(required=False, allow_null=True)
    per_minute = serializers.IntegerField(required=False)
    expires_after = serializers.IntegerField(required=False)
    test_share = serializers.IntegerField(required=False)
    winner_by = serializers.ChoiceField(choices=Broadcast.WinnerBy.choices, required=False)
    winner_goal = serializers.CharField(required=False, allow_blank=True, max_length=100)
    winner_after = serializers.IntegerField(required=False)
    variants = serializers.ListField(child=BroadcastTextGiven(), required=False, validators=[at_most(MOST_VARIANTS)])


class BroadcastGiven(BroadcastChangesGiven):
    name = serializers.CharField(max_length=100)
    topic = serializers.CharField(max_length=64)
    channel = serializers.ChoiceField(choices=Channel.choices)


class NoBodyGiven(Given):
    """An empty body."""


class BroadcastWinnerGiven(Given):
    winner = serializers.ChoiceField(choices=LETTERS)


class BroadcastSentShape(Shape):
    answer = serializers.ChoiceField(choices=["scheduled", "approval_asked"])
    people = serializers.IntegerField(help_text="in the audience at this moment")
    broadcast = BroadcastShape()


class BroadcastTextCostShape(Shape):
    letter = serializers.CharField(help_text="empty for whoever gets the winner of a trial")
    people = serializers.IntegerField()
    segments = serializers.IntegerField()
    micros = serializers.IntegerField(help_text="millionths of the shop's currency")
    failing = serializers.IntegerField(help_text="percent of a sample for whom it cannot be filled in")
    fault = serializers.CharField()


class BroadcastHeldShape(Shape):
    until = serializers.DateTimeField()
    people = serializers.IntegerField()


class BroadcastEstimateShape(Shape):
    people = serializers.IntegerField()
    sendable = serializers.IntegerField()
    by_channel = serializers.DictField(child=serializers.IntegerField())
    held = BroadcastHeldShape(many=True, help_text="of the sendable, who wait for the end of their quiet hours")
    excluded = serializers.SerializerMethodField(help_text="by reason, the first that applies")
    variants = BroadcastTextCostShape(many=True)
    segments = serializers.IntegerField(help_text="measured on a sample")
    micros = serializers.IntegerField(help_text="millionths of the shop's currency, measured on a sample")
    faults = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()), help_text="what stands in the way of sending it"
    )

    @extend_schema_field(REASONS_SCHEMA)
    def get_excluded(self, found: dict[str, Any]) -> dict[str, int]:
        return {str(reason): number for reason, number in found["excluded"].items()}

    @staticmethod
    def shown(found: Estimate, faults: list[dict[str, str]]) -> dict[str, Any]:
        names = ("people", "sendable", "by_channel", "excluded", "variants", "segments", "micros")
        held = [{"until": until, "people": number} for until, number in found.held.items()]
        return {**{name: getattr(found, name) for name in names}, "held": held, "faults": faults}


class BroadcastTallyShape(Shape):
    letter = serializers.CharField(help_text="empty for whoever waits for the winner of a trial")
    people = serializers.IntegerField()
    counts = serializers.SerializerMethodField()
    withheld = serializers.SerializerMethodField()
    failed = serializers.SerializerMethodField()
    clicked = serializers.IntegerField(help_text="whose link a person followed")
    reached = serializers.IntegerField(help_text="who did the goal in time")

    @extend_schema_field(COUNTS_SCHEMA)
    def get_counts(self, row: dict[str, Any]) -> dict[str, int]:
        return {name: row["tally"].counts[name] for name in COUNTS}

    @extend_schema_field(REASONS_SCHEMA)
    def get_withheld(self, row: dict[str, Any]) -> dict[str, int]:
        return _reasons(row["tally"], "withheld")

    @extend_schema_field(REASONS_SCHEMA)
    def get_failed(self, row: dict[str, Any]) -> dict[str, int]:
        return _reasons(row["tally"], "failed")

    @staticmethod
    def row(letter: str, tally: Tally) -> dict[str, Any]:
        found = {"people": tally.people, "clicked": tally.clicked, "reached": tally.reached}
        return {"letter": letter, "tally": tally, **found}


class BroadcastResultsShape(Shape):
    state = serializers.ChoiceField(choices=Broadcast.State.choices)
    total = BroadcastTallyShape()
    variants = BroadcastTallyShape(many=True)
    leader = serializers.CharField(allow_null=True, help_text="the letter of the variant that does best")
    chance = serializers.FloatField(help_text="how likely its lead would be by chance alone, from 0 to 1")


def _reasons(tally: Tally, key: str) -> dict[str, int]:
    return {reason: number for (state, reason), number in sorted(tally.reasons.items()) if state == key}
