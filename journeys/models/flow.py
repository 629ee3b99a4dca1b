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
    """A definition as it was published. Never changed."""

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

    class Meta:
        verbose_name, verbose_name_plural = _("flow version"), _("flow versions")
        ordering = ["flow", "-number"]
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="flow_version_unique")]

    def __str__(self) -> str:
        return f"{self.flow} v{self.number}"
