"""Promotions: what is offered, to whom, until when. Their codes are in crm.models.coupon."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.lib.ids import uuid7
from crm.lib.money import Money


class PromotionQuerySet(models.QuerySet["Promotion"]):
    def running(self, now: datetime) -> PromotionQuerySet:
        """Those that may be redeemed at `now`, limits apart."""
        begun = models.Q(starts_at=None) | models.Q(starts_at__lte=now)
        open_ended = models.Q(ends_at=None) | models.Q(ends_at__gt=now)
        return self.filter(begun, open_ended, is_active=True)


class Promotion(models.Model):
    """
    An offer. `crm.services.promotions` writes it; a percentage, an amount, free shipping, or something said in words.

    `limit` is how often it may be redeemed in all, `limit_per_customer` by one person; None sets no limit.
    `redeemed_count` is kept by the redemption itself, which makes `limit` hold when many redeem at once.
    """

    class Kind(models.TextChoices):
        PERCENT = "percent", _("percentage off")
        AMOUNT = "amount", _("amount off")
        FREE_SHIPPING = "free_shipping", _("free shipping")
        TEXT = "text", _("something else")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    percent = models.PositiveSmallIntegerField(
        _("percent"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    amount_minor = models.BigIntegerField(_("amount (minor units)"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    terms = models.CharField(_("terms"), max_length=500, blank=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    coupon_days = models.PositiveSmallIntegerField(
        _("days a code is good for"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    limit = models.PositiveIntegerField(_("redeemed at most"), null=True, blank=True, validators=[MinValueValidator(1)])
    limit_per_customer = models.PositiveIntegerField(
        _("at most, by one customer"), null=True, blank=True, default=1, validators=[MinValueValidator(1)]
    )
    audience = models.JSONField(_("audience"), default=dict, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    redeemed_count = models.PositiveIntegerField(_("redeemed"), default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False,
        verbose_name=_("made by"),
    )  # fmt: skip

    history = HistoricalRecords(excluded_fields=["redeemed_count"])
    objects = PromotionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("promotion"), _("promotions")
        constraints = [
            models.CheckConstraint(
                name="promotion_within_limit",
                condition=models.Q(limit=None) | models.Q(redeemed_count__lte=models.F("limit")),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("crm:promotion_detail", args=[self.slug])

    @property
    def amount(self) -> Money | None:
        return None if self.amount_minor is None else Money(self.amount_minor, self.currency)

    @property
    def value(self) -> str:
        """What it gives, in words: "10%", "100.00 THB"; the terms of one that gives something else."""
        if self.kind == self.Kind.PERCENT:
            return f"{self.percent}%"
        if self.kind == self.Kind.AMOUNT:
            return str(self.amount)
        return _t("free shipping") if self.kind == self.Kind.FREE_SHIPPING else self.terms

    def refuses(self, now: datetime) -> str:
        """Why nobody may redeem it at `now`: inactive, not_started, expired or coupon_exhausted; "" when they may."""
        if not self.is_active:
            return "inactive"
        if self.starts_at and now < self.starts_at:
            return "not_started"
        if self.ends_at and now >= self.ends_at:
            return "expired"
        return "coupon_exhausted" if self.limit is not None and self.redeemed_count >= self.limit else ""

    def expiry_of_code(self, issued_at: datetime) -> datetime | None:
        """When a code of that time stops being good: its own days, and never after the promotion's end."""
        own = issued_at + timedelta(days=self.coupon_days) if self.coupon_days else None
        return min((at for at in (own, self.ends_at) if at), default=None)
