"""Journeys and their stages: editable data. `stages/presets.py` holds the two that every shop starts with."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


def in_language(english: str, thai: str) -> str:
    """The text in the language of the page; Thai only where somebody has written it."""
    return thai if thai and (get_language() or "").startswith("th") else english


class JourneyQuerySet(models.QuerySet["Journey"]):
    def active(self) -> JourneyQuerySet:
        return self.filter(is_active=True)


class Journey(models.Model):
    """An ordered set of stages. A customer has one position in each active journey."""

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    name_th = models.CharField(_("name in Thai"), max_length=100, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_default = models.BooleanField(_("shown first"), default=False)
    at_risk_after = models.PositiveSmallIntegerField(
        _("at risk after (days)"), default=60, validators=[MinValueValidator(1)],
        help_text=_("Days without a sign of life until a customer counts as at risk."),
    )  # fmt: skip
    lapsed_after = models.PositiveSmallIntegerField(
        _("lapsed after (days)"), default=120, validators=[MinValueValidator(2)],
        help_text=_("Days without a sign of life until a customer counts as lapsed."),
    )  # fmt: skip

    versions = HistoricalRecords()
    objects = JourneyQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("journey"), _("journeys")
        ordering = ["-is_default", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], name="journey_one_default", condition=models.Q(is_default=True)
            ),
            models.CheckConstraint(
                condition=models.Q(at_risk_after__gte=1, lapsed_after__gt=models.F("at_risk_after")),
                name="journey_at_risk_before_lapsed",
                violation_error_message=_("A customer is at risk before they have lapsed."),
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return in_language(self.name, self.name_th)


class StageManager(models.Manager["Stage"]):
    """The stages there are now; `Stage.ever` also knows those that were taken away."""

    def get_queryset(self) -> models.QuerySet[Stage]:
        return super().get_queryset().filter(retired_at=None)


class Stage(models.Model):
    """
    One step of a journey. `rank` orders the stages of a journey, first to last.

    A stage that somebody has ever stood in is not deleted but retired, since moves go on naming it.
    """

    class Colour(models.IntegerChoices):
        """The palette of static/css/tokens.css."""

        VIOLET = 1, _("violet")
        BLUE = 2, _("blue")
        TEAL = 3, _("teal")
        AMBER = 4, _("amber")
        ROSE = 5, _("rose")
        OLIVE = 6, _("olive")

    journey = models.ForeignKey(Journey, models.CASCADE, related_name="stages", verbose_name=_("journey"))
    slug = models.SlugField(_("slug"), max_length=64)
    name = models.CharField(_("name"), max_length=100)
    name_th = models.CharField(_("name in Thai"), max_length=100, blank=True)
    rank = models.PositiveSmallIntegerField(_("place in the journey"))
    colour = models.PositiveSmallIntegerField(_("colour"), choices=Colour, default=Colour.VIOLET)
    retired_at = models.DateTimeField(_("taken away"), null=True, blank=True, editable=False)

    versions = HistoricalRecords()
    objects = StageManager()
    ever: models.Manager[Stage] = models.Manager()

    class Meta:
        verbose_name, verbose_name_plural = _("stage"), _("stages")
        ordering = ["journey", "rank", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["journey", "slug"], name="stage_slug_unique", condition=models.Q(retired_at=None)
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return in_language(self.name, self.name_th)

    @property
    def tone(self) -> str:
        """The CSS class that wears the stage's colour."""
        return f"stage-{self.colour}"
