"""Moves between stages. Rows are only ever added."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Customer, Event
from journeys.models.journey import Journey, Stage
from journeys.models.rule import StageRule


class StageMove(models.Model):
    """
    A customer came to a stage, with the cause and both clocks.

    `would_have`: a rule said so while the position was held by staff; the customer was left where they were.
    """

    class Cause(models.TextChoices):
        EVENT = "event", _("a fact")
        STAFF = "staff", _("staff")
        FLOW = "flow", _("a flow")
        IMPORT = "import", _("an import")
        MERGE = "merge", _("merged records")
        REPLAY = "replay", _("rules judged anew")

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="stage_moves", db_index=False, verbose_name=_("customer")
    )
    # `to_stage` vouches for its journey, the customer's position for where they came from (decision 017).
    journey = models.ForeignKey(
        Journey, models.CASCADE, related_name="moves", db_index=False, db_constraint=False, verbose_name=_("journey")
    )
    from_stage = models.ForeignKey(
        Stage, models.RESTRICT, null=True, blank=True, related_name="+", db_index=False, db_constraint=False,
        verbose_name=_("from"),
    )  # fmt: skip
    to_stage = models.ForeignKey(Stage, models.RESTRICT, related_name="+", db_index=False, verbose_name=_("to"))
    cause = models.CharField(_("cause"), max_length=8, choices=Cause)
    event = models.ForeignKey(
        Event, models.DO_NOTHING, null=True, blank=True, related_name="+", db_index=False, db_constraint=False,
        verbose_name=_("fact"),
    )  # fmt: skip
    rule = models.ForeignKey(
        StageRule, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("rule")
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    would_have = models.BooleanField(_("would have moved"), default=False)
    effective_at = models.DateTimeField(_("happened"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name, verbose_name_plural = _("stage move"), _("stage moves")
        constraints = [
            # One fact moves one customer to one stage once, however often it is looked at.
            models.UniqueConstraint(
                fields=["journey", "customer", "event", "to_stage"],
                name="stage_move_once",
                condition=models.Q(event__isnull=False),
            ),
        ]
        indexes = [
            # The customer page: how they came here.
            models.Index(fields=["customer", "journey", "effective_at"], name="stage_move_by_customer"),
            # selectors.stages.moves_between: the Sankey of a period.
            models.Index(fields=["journey", "effective_at"], name="stage_move_by_time"),
        ]

    def __str__(self) -> str:
        return f"customer={self.customer_id} {self.from_stage_id} → {self.to_stage_id}"
