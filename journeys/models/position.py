"""Where a customer stands in a journey."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Customer, Event
from journeys.models.journey import Journey, Stage
from journeys.models.rule import StageRule


class Health(models.TextChoices):
    """How long ago the customer's last sign of life was, by the journey's own measure."""

    ACTIVE = "active", _("active")
    AT_RISK = "at_risk", _("at risk")
    LAPSED = "lapsed", _("lapsed")


class Position(models.Model):
    """
    One row per customer and journey, made by the first fact that could be evidence; `stage` is empty until one is.

    `settled_at`: facts older than this say nothing, because staff, a flow or a rule that may move back has decided.
    `held_until`: until then rules only note where they would have moved the customer.
    """

    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="positions", db_index=False, verbose_name=_("customer")
    )
    journey = models.ForeignKey(
        Journey, models.CASCADE, related_name="positions", db_index=False, verbose_name=_("journey")
    )
    stage = models.ForeignKey(
        Stage, models.RESTRICT, null=True, blank=True, related_name="positions", db_index=False,
        verbose_name=_("stage"),
    )  # fmt: skip
    since = models.DateTimeField(_("since"), null=True, blank=True)
    event = models.ForeignKey(
        Event, models.DO_NOTHING, null=True, blank=True, related_name="+", db_index=False, db_constraint=False,
        verbose_name=_("fact"),
    )  # fmt: skip
    rule = models.ForeignKey(
        StageRule, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("rule")
    )
    settled_at = models.DateTimeField(_("decided by hand"), null=True, blank=True)
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    health = models.CharField(_("health"), max_length=8, choices=Health, default=Health.ACTIVE)

    class Meta:
        verbose_name, verbose_name_plural = _("position"), _("positions")
        constraints = [
            models.UniqueConstraint(fields=["customer", "journey"], name="position_unique"),
            models.CheckConstraint(
                condition=models.Q(stage=None, since=None) | models.Q(stage__isnull=False, since__isnull=False),
                name="position_since_with_stage",
            ),
        ]
        indexes = [
            # The board and the people behind a number of the map: a stage, latest arrivals first.
            models.Index(fields=["stage", "-since", "-id"], name="position_by_stage"),
            # selectors.stages.stage_counts, and the nightly health run.
            models.Index(fields=["journey", "stage", "health"], name="position_counts"),
        ]

    def __str__(self) -> str:
        return f"customer={self.customer_id} {self.journey_id}/{self.stage_id}"
