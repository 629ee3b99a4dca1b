"""Who changed what about a journey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from journeys.models import Journey, Stage, StageRule
from journeys.models.journey import in_language

KINDS = {
    (Journey, "+"): _("journey made"), (Journey, "~"): _("journey changed"), (Journey, "-"): _("journey deleted"),
    (Stage, "+"): _("stage added"), (Stage, "~"): _("stage changed"), (Stage, "-"): _("stage taken away"),
    (StageRule, "+"): _("rule added"), (StageRule, "~"): _("rule changed"), (StageRule, "-"): _("rule deleted"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """`who` is "" for what a program or a migration did."""

    at: datetime
    who: str
    what: str | Promise
    name: str


def changes_of(journey: Journey, *, limit: int) -> Sequence[Change]:
    """The latest changes of the journey, its stages and their rules, newest first; three queries."""
    stages = Stage.ever.filter(journey=journey).values("pk")
    found = [
        Change(row.history_date, str(row.history_user or ""), _what(model, row), in_language(row.name, row.name_th))
        for model, rows in (
            (Journey, Journey.versions.filter(id=journey.pk)),
            (Stage, Stage.versions.filter(journey_id=journey.pk)),
            (StageRule, StageRule.versions.filter(stage_id__in=stages)),
        )
        for row in rows.select_related("history_user").order_by("-history_date")[:limit]
    ]
    return nlargest(limit, found, key=lambda change: change.at)


def _what(model: type[Journey | Stage | StageRule], row: object) -> str | Promise:
    if getattr(row, "retired_at", None):
        return KINDS[Stage, "-"]
    return KINDS[model, getattr(row, "history_type")]  # noqa: B009 - historical models have no types
