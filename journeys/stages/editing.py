"""Change what journeys are: their stages, in order, and the rules that lead there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.rules import InvalidRule
from journeys.models import Journey, Stage, StageRule
from journeys.stages import rulebook

MAX_STAGES = 30
MAX_RULES = 50


class InvalidJourney(ValueError):
    """It cannot be so; `path` leads to what is wrong: ("rules", "0", "where[0].op")."""

    def __init__(self, path: Sequence[str], message: str) -> None:
        super().__init__(f"{'.'.join(path)}: {message}")
        self.path = tuple(path)
        self.message = message


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
        stage = Stage(journey=journey, slug=slug, rank=len(stages) + 1)
    place = fields.pop("rank", None)
    for name, value in fields.items():
        setattr(stage, name, value)
    _save(stage, [])
    others = [found for found in stages if found.slug != slug]
    if place is not None:
        others.insert(min(place, len(others) + 1) - 1, stage)
        for rank, found in enumerate(others, start=1):
            Stage.objects.filter(pk=found.pk).update(rank=rank)
    stage.refresh_from_db()
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
