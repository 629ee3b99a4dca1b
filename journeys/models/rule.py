"""Stage rules: which facts are evidence that a customer has come to a stage."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from journeys.models.journey import Stage, in_language


class StageRuleQuerySet(models.QuerySet["StageRule"]):
    def in_force(self) -> StageRuleQuerySet:
        """The active rules of active journeys, with stage and journey."""
        return self.filter(is_active=True, stage__journey__is_active=True).select_related("stage__journey")


class StageRule(models.Model):
    """
    One kind of evidence. What `events`, `where` and `history` may hold stands in journeys.stages.rules.

    Rules move customers forward; with `may_move_back` the rule puts them in its stage wherever they stand.
    """

    stage = models.ForeignKey(Stage, models.CASCADE, related_name="rules", verbose_name=_("stage"))
    name = models.CharField(_("evidence"), max_length=200)
    name_th = models.CharField(_("evidence in Thai"), max_length=200, blank=True)
    events = models.JSONField(_("events"), default=list)
    where = models.JSONField(_("properties"), default=list, blank=True)
    history = models.JSONField(_("history"), default=list, blank=True)
    priority = models.SmallIntegerField(
        _("priority"), default=100,
        help_text=_("Of several rules that lead to the same stage, the lowest number is named as the evidence."),
    )  # fmt: skip
    may_move_back = models.BooleanField(_("may move back"), default=False)
    is_active = models.BooleanField(_("active"), default=True)

    versions = HistoricalRecords()
    objects = StageRuleQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("stage rule"), _("stage rules")
        ordering = ["stage", "priority", "pk"]

    def __str__(self) -> str:
        return f"{self.stage}: {self.label}"

    @property
    def label(self) -> str:
        return in_language(self.name, self.name_th)
