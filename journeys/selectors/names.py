"""What stages and rules are called, for pages that have only their slugs."""

from __future__ import annotations

from django.core.cache import cache

from journeys.models import Stage, StageRule
from journeys.models.journey import in_language

# Names change rarely and are only read; a minute of the old one does no harm.
KEPT = 60


def stage_name(journey: str, stage: str) -> str:
    """The stage's name in the reader's language; its slug when it is no more."""
    return in_language(*_names("stages").get((journey, stage), (stage, "")))


def rule_name(english: str) -> str:
    """A rule's name in the reader's language, found by the English one that facts carry."""
    return in_language(english, _names("rules").get((english,), ("", ""))[1])


def _names(kind: str) -> dict[tuple[str, ...], tuple[str, str]]:
    return cache.get_or_set(f"journeys.names.{kind}", _READ[kind], KEPT) or {}


def _stages() -> dict[tuple[str, ...], tuple[str, str]]:
    rows = Stage.objects.values_list("journey__slug", "slug", "name", "name_th")
    return {(journey, slug): (name, thai) for journey, slug, name, thai in rows}


def _rules() -> dict[tuple[str, ...], tuple[str, str]]:
    return {(name,): (name, thai) for name, thai in StageRule.objects.values_list("name", "name_th")}


_READ = {"stages": _stages, "rules": _rules}
