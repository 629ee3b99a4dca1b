"""Segments: rules with a name, and who they held for when they were last asked."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.models.customer import Customer


class Segment(models.Model):
    """
    A rule with a name. `crm.services.segments` writes it and keeps its members.

    `member_count` and `changed_at` are of the last refresh that found somebody entering or leaving; `refresh_asked_at`
    is set while one is still to come.
    """

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), blank=True, max_length=1000)
    rule = models.JSONField(_("rule"), default=dict, blank=True)
    member_count = models.PositiveIntegerField(_("members"), default=0, editable=False)
    changed_at = models.DateTimeField(_("members changed"), null=True, blank=True, editable=False)
    refresh_asked_at = models.DateTimeField(_("refresh asked for"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False,
        verbose_name=_("made by"),
    )  # fmt: skip

    history = HistoricalRecords(excluded_fields=["member_count", "changed_at", "refresh_asked_at"])

    class Meta:
        verbose_name, verbose_name_plural = _("segment"), _("segments")
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name", "id"], name="segment_by_name")]  # the list of segments

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("crm:segment_detail", args=[self.slug])


class SegmentMember(models.Model):
    """A customer the segment's rule held for at its last refresh, since the refresh that found them."""

    # The constraint below leads with the segment.
    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="memberships", db_index=False, verbose_name=_("segment")
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="segment_memberships", verbose_name=_("customer")
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name, verbose_name_plural = _("member"), _("members")
        constraints = [models.UniqueConstraint(fields=["segment", "customer"], name="segment_member_once")]
        # The members' page, newest first.
        indexes = [models.Index(fields=["segment", "-since", "-id"], name="segment_member_by_since")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.customer_id}"


class SegmentChange(models.Model):
    """One refresh by which people came or went. A refresh that found nothing new leaves no row."""

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="changes", db_index=False, verbose_name=_("segment")
    )
    changed_at = models.DateTimeField(_("when"))
    entered = models.PositiveIntegerField(_("entered"))
    left = models.PositiveIntegerField(_("left"))
    member_count = models.PositiveIntegerField(_("members"))

    class Meta:
        verbose_name, verbose_name_plural = _("change of members"), _("changes of members")
        # The segment's page: the last 30 days.
        indexes = [models.Index(fields=["segment", "-changed_at"], name="segment_change_by_time")]

    def __str__(self) -> str:
        return f"{self.segment_id}: +{self.entered} -{self.left}"
