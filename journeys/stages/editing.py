"""
Change what journeys are: their stages, in order, and the rules that lead there.

Two people may edit at once. A form carries `mark_of` what it showed, and `hold` refuses what was changed meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.rules import InvalidRule
from journeys.models import Journey, Stage, StageRule
from journeys.stages import rulebook
from journeys.stages.presets import JourneyPreset

MAX_STAGES = 30
MAX_RULES = 50


class InvalidJourney(ValueError):
    """It cannot be so; `path` leads to what is wrong: ("rules", "0", "where[0].op")."""

    def __init__(self, path: Sequence[str], message: str) -> None:
        super().__init__(f"{'.'.join(path)}: {message}")
        self.path = tuple(path)
        self.message = message


class ChangedMeanwhile(ValueError):
    """Somebody else has changed the journey since it was shown."""


def mark_of(journey: Journey) -> str:
    """What the journey and its stages are now, as one word: another one as soon as any of it changes."""
    own = [getattr(journey, field.attname) for field in Journey._meta.concrete_fields]
    stages = journey.stages.order_by("rank", "pk").values_list(
        *(field.attname for field in Stage._meta.concrete_fields)
    )
    return hashlib.sha256(orjson.dumps([own, *map(list, stages)])).hexdigest()[:20]


def hold(journey: Journey, mark: str) -> Journey:
    """
    The journey as it is stored, nobody else changing it until the transaction ends.

    Raises:
        ChangedMeanwhile: it is not what `mark` was made of.
    """
    stored = Journey.objects.select_for_update().get(pk=journey.pk)
    if mark_of(stored) != mark:
        raise ChangedMeanwhile
    return stored


@transaction.atomic
def create_from_preset(preset: JourneyPreset, **fields: Any) -> Journey:
    """
    A new journey with the stages and rules of one that comes with the product.

    Args:
        fields: of Journey, the slug among them.

    Raises:
        InvalidJourney: as `create_journey`.
    """
    stages = [
        {"slug": stage.slug, "name": stage.name, "name_th": stage.name_th, "colour": stage.colour}
        for stage in preset.stages
    ]
    journey = create_journey(stages=stages, **fields)
    made = {stage.slug: stage for stage in journey.stages.all()}
    for stage in preset.stages:
        rules = [
            {
                "name": rule.name, "name_th": rule.name_th, "events": list(rule.events), "where": list(rule.where),
                "history": list(rule.history),
            }
            for rule in stage.rules
        ]  # fmt: skip
        put_rules(made[stage.slug], rules)
    return journey


@transaction.atomic
def create_journey(*, slug: str, stages: Sequence[Mapping[str, Any]], **fields: Any) -> Journey:
    """
    A new journey with its stages, first to last. Nobody stands in it until rules, or staff, say so.

    Args:
        stages: each with the fields of Stage: slug, name and perhaps name_th and colour.

    Raises:
        InvalidJourney: the slug is taken, two stages share theirs, or a value does not fit.
    """
    if Journey.objects.filter(slug=slug).exists():
        raise InvalidJourney(["slug"], _("There is a journey with this slug already."))
    journey = Journey(slug=slug, **fields)
    _save(journey, [])
    for index, stage in enumerate(stages):
        if any(other["slug"] == stage["slug"] for other in stages[:index]):
            raise InvalidJourney(["stages", str(index), "slug"], _("Another stage has this slug."))
        _save(Stage(journey=journey, rank=index + 1, **stage), ["stages", str(index)])
    return journey


@transaction.atomic
def edit_journey(journey: Journey, changes: Mapping[str, Any]) -> Journey:
    """
    Change a journey's own fields. Making it the one shown first takes that from the other.

    Raises:
        InvalidJourney: a value does not fit.
    """
    if changes.get("is_default"):
        Journey.objects.exclude(pk=journey.pk).update(is_default=False)
    for name, value in changes.items():
        setattr(journey, name, value)
    _save(journey, [])
    return journey


@transaction.atomic
def put_stage(journey: Journey, slug: str, **fields: Any) -> tuple[Stage, bool]:
    """
    Change a stage, or add it behind the last; return it, and whether it is new.

    Args:
        rank: its place in the journey, from 1; the others make room.

    Raises:
        InvalidJourney: a value does not fit, or there are too many stages.
    """
    stages = list(journey.stages.select_for_update().order_by("rank", "pk"))
    stage = next((found for found in stages if found.slug == slug), None)
    is_new = stage is None
    if stage is None:
        if len(stages) >= MAX_STAGES:
            raise InvalidJourney([], _("A journey has at most %(most)s stages.") % {"most": MAX_STAGES})
        stage = Stage(journey=journey, slug=slug, rank=stages[-1].rank + 1 if stages else 1)
    place = fields.pop("rank", None)
    for name, value in fields.items():
        setattr(stage, name, value)
    _save(stage, [])
    others = [found for found in stages if found.slug != slug]
    if place is not None:
        others.insert(min(place, len(others) + 1) - 1, stage)
        for rank, found in enumerate(others, start=1):
            if found.rank != rank:
                found.rank = rank
                found.save()
    return stage, is_new


@transaction.atomic
def put_rules(stage: Stage, rules: Sequence[Mapping[str, Any]]) -> list[StageRule]:
    """
    Make these the rules of a stage.

    One whose name is known is changed, so that moves go on naming it; those not listed are gone. Who stands where stays
    until the journey is judged anew.

    Raises:
        InvalidJourney: a rule cannot be read, or two share a name.
    """
    if len(rules) > MAX_RULES:
        raise InvalidJourney(["rules"], _("A stage has at most %(most)s rules.") % {"most": MAX_RULES})
    known = {rule.name: rule for rule in stage.rules.select_for_update()}
    kept: list[StageRule] = []
    for index, given in enumerate(rules):
        place = ["rules", str(index)]
        if any(rule.name == given["name"] for rule in kept):
            raise InvalidJourney([*place, "name"], _("Another rule has this name."))
        rule = known.get(given["name"]) or StageRule(stage=stage)
        for name, default in _RULE_DEFAULTS.items():
            setattr(rule, name, given.get(name, default))
        rule.name = given["name"]
        try:
            rulebook.read(rule, 0)
        except InvalidRule as error:
            raise InvalidJourney([*place, error.faults[0].path], error.faults[0].message) from error
        _save(rule, place)
        kept.append(rule)
    stage.rules.exclude(pk__in=[rule.pk for rule in kept]).delete()
    return kept


_RULE_DEFAULTS: Mapping[str, Any] = {
    "name_th": "", "events": [], "where": [], "history": [], "priority": 100, "may_move_back": False, "is_active": True,
}  # fmt: skip


def _save(row: Journey | Stage | StageRule, path: Sequence[str]) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidJourney([*path, *([name] if name != "__all__" else [])], messages[0]) from error
    row.save()
