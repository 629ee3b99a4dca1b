"""Flows: automated follow-ups, drafted by staff and frozen as versions when published."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.models.journey import in_language


class FlowQuerySet(models.QuerySet["Flow"]):
    def taking_in(self) -> FlowQuerySet:
        """Flows that customers may enter: live, with their version."""
        return self.filter(state=Flow.State.LIVE).select_related("live_version")


class Flow(models.Model):
    """
    A follow-up. `draft` is what staff edit (journeys.flows.definition says its shape); publishing freezes it as
    `live_version`. Runs under way keep the version they entered with.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        PAUSED = "paused", _("paused")
        ARCHIVED = "archived", _("archived")

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    name_th = models.CharField(_("name in Thai"), max_length=100, blank=True)
    description = models.CharField(_("what it is for"), max_length=300, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT)
    draft = models.JSONField(_("definition"), default=dict)
    live_version = models.ForeignKey(
        "FlowVersion", models.SET_NULL, null=True, blank=True, related_name="+", editable=False,
        verbose_name=_("live version"),
    )  # fmt: skip
    # Until when a trigger of the calendar has been looked at (journeys.flows.by_calendar).
    looked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    objects = FlowQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("flow"), _("flows")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state__in=["live", "paused"]) | models.Q(live_version__isnull=False),
                name="flow_runs_a_version",
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return in_language(self.name, self.name_th)


class FlowVersion(models.Model):
    """
    A definition as it was published. Never changed.

    `people_inside` is what was chosen for people under way when it was published last, `impact` what became of them:
    {step: {fate: people}} (journeys.flows.impact).
    """

    flow = models.ForeignKey(Flow, models.CASCADE, related_name="versions", verbose_name=_("flow"))
    number = models.PositiveIntegerField(_("number"))
    definition = models.JSONField(_("definition"))
    # SHA-256 of the definition: what the compiled plan is cached under.
    fingerprint = models.CharField(max_length=64, editable=False)
    published_at = models.DateTimeField(_("published"))
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("published by"),
    )  # fmt: skip

    people_inside = models.CharField(_("people inside"), max_length=6, default="pin", editable=False)
    impact = models.JSONField(_("impact"), default=dict, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("flow version"), _("flow versions")
        ordering = ["flow", "-number"]
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="flow_version_unique")]

    def __str__(self) -> str:
        return f"{self.flow} v{self.number}"


class IntakeQuerySet(models.QuerySet["Intake"]):
    def open(self) -> IntakeQuerySet:
        """What is still to be done, in flows that take people in, the oldest first."""
        return self.filter(done_at=None, version__flow__state=Flow.State.LIVE).order_by("pk")


class Intake(models.Model):
    """
    Many people to be let into a flow, bit by bit (journeys.flows.intake): those whose trigger holds already when it is
    published, or everybody in a segment at a time of the schedule.
    """

    class Kind(models.TextChoices):
        BACKFILL = "backfill", _("backfill")
        SCHEDULE = "schedule", _("schedule")

    version = models.ForeignKey(FlowVersion, models.CASCADE, related_name="intakes", verbose_name=_("version"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    at = models.DateTimeField(_("when"))
    # The number of the customer it has come to, and how many have entered.
    after = models.BigIntegerField(default=0, editable=False)
    entered = models.PositiveIntegerField(_("entered"), default=0, editable=False)
    done_at = models.DateTimeField(_("done"), null=True, blank=True, editable=False)

    objects = IntakeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("intake"), _("intakes")
        constraints = [models.UniqueConstraint(fields=["version", "kind", "at"], name="intake_once")]
        # The worker's look for work (flows.intake).
        indexes = [models.Index(fields=["id"], name="intake_open", condition=models.Q(done_at=None))]

    def __str__(self) -> str:
        return f"{self.version} {self.kind} {self.at:%Y-%m-%d %H:%M}"
