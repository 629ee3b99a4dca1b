"""Reviews: on our own site and elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.events.types import EventDraft
from crm.lib.ids import uuid7
from crm.models.customer import Customer
from crm.models.factual import Factual
from crm.models.product import Product
from crm.models.purchase import Purchase

if TYPE_CHECKING:
    from crm.models.user import User


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, user: User) -> ReviewQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user).values("pk"))

    def to_moderate(self) -> ReviewQuerySet:
        return self.filter(status=Review.Status.PENDING)

    def unanswered(self) -> ReviewQuerySet:
        return self.filter(status=Review.Status.PUBLISHED, reply="")


class Review(Factual, models.Model):
    class Site(models.TextChoices):
        OWN = "own", _("our own site")
        FACEBOOK = "facebook", "Facebook"
        GOOGLE = "google", "Google"
        PANTIP = "pantip", "Pantip"
        LINE = "line", "LINE"
        OTHER = "other", _("elsewhere")

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting for moderation")
        PUBLISHED = "published", _("published")
        REJECTED = "rejected", _("rejected")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="reviews", verbose_name=_("customer"))
    purchase = models.ForeignKey(
        Purchase, models.SET_NULL, null=True, blank=True, related_name="reviews", verbose_name=_("purchase")
    )
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, blank=True, related_name="reviews", verbose_name=_("product")
    )
    site = models.CharField(_("where"), max_length=16, choices=Site, default=Site.OWN)
    url = models.URLField(_("link"), blank=True, max_length=500)
    source = models.CharField(_("source"), max_length=64, default="staff")
    reference = models.CharField(_("review number"), max_length=150)
    rating = models.PositiveSmallIntegerField(
        _("rating"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    body = models.TextField(_("text"), blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    verified = models.BooleanField(_("an order proves it"), default=False)
    reviewed_at = models.DateTimeField(_("written"), default=timezone.now)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    reply = models.TextField(_("our reply"), blank=True)
    replied_at = models.DateTimeField(_("replied"), null=True, blank=True)
    replied_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    history = HistoricalRecords()
    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("review"), _("reviews")
        constraints = [
            models.UniqueConstraint(fields=["source", "reference"], name="review_once"),
            models.CheckConstraint(
                condition=models.Q(rating=None) | models.Q(rating__gte=1, rating__lte=5), name="review_rating_1_to_5"
            ),
        ]
        indexes = [models.Index(fields=["status", "-reviewed_at"], name="review_by_status")]

    def __str__(self) -> str:
        return f"{self.rating or '–'}★ {self.title or self.body[:40]}"

    @property
    def is_outside(self) -> bool:
        return self.site != self.Site.OWN

    def facts(self) -> list[EventDraft]:
        """Written, published, answered."""
        properties = {
            "review_id": self.reference,
            "product_id": self.product.sku if self.product else "",
            "order_id": self.purchase.reference if self.purchase else "",
            "rating": self.rating,
            "site": self.site,
            "verified": self.verified,
            "text": self.body[:500],
        }
        dated = (
            ("Product Reviewed", self.reviewed_at),
            ("Review Published", self.published_at if self.status == self.Status.PUBLISHED else None),
            ("Review Replied", self.replied_at),
        )
        return [
            EventDraft(
                name=name,
                customer_id=self.customer_id,
                occurred_at=at,
                dedupe_key=f"review:{self.source}:{self.reference}:{name}",
                properties=properties,
                object_type="review",
                object_id=self.pk,
            )
            for name, at in dated
            if at
        ]
