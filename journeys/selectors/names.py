"""What stages and rules are called, for pages that have only their slugs."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models import Value

from journeys.models import Stage, StageRule
from journeys.models.journey import in_language

# Names change rarely and are only read; a minute of the old one does no harm.
KEPT = 60


def stage_name(journey: str, stage: str) -> str:
    """The stage's name in the reader's language; its slug when it is no more."""
    return in_language(*_names().get((journey, stage), (stage, "")))


def rule_name(english: str) -> str:
    """A rule's name in the reader's language, found by the English one that facts carry."""
    return in_language(english, _names().get(("", english), ("", ""))[1])


def _names() -> dict[tuple[str, str], tuple[str, str]]:
    """(English, Thai) of stages by (journey, stage), and of rules by ("", English)."""
    return cache.get_or_set("journeys.names", _read, KEPT) or {}


def _read() -> dict[tuple[str, str], tuple[str, str]]:
    # Of stages that were taken away too: what the timeline tells goes on naming them.
    retired = Stage.ever.exclude(retired_at=None).order_by().values_list("journey__slug", "slug", "name", "name_th")
    stages = Stage.objects.order_by().values_list("journey__slug", "slug", "name", "name_th")
    rules = StageRule.objects.order_by().values_list(Value(""), "name", "name", "name_th")
    known = {(journey, slug): (name, thai) for journey, slug, name, thai in stages.union(rules, all=True)}
    return {(journey, slug): (name, thai) for journey, slug, name, thai in retired} | known
