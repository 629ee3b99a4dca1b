"""Purchases with their items and refunds. Each date on a purchase is a fact: see `Purchase.facts`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.events.types import EventDraft
from crm.lib.ids import uuid7
from crm.lib.money import Money
from crm.models.customer import Customer
from crm.models.factual import Factual
from crm.models.product import Product

if TYPE_CHECKING:
    from crm.models.user import User


class PurchaseQuerySet(models.QuerySet["Purchase"]):
    def visible_to(self, user: User) -> PurchaseQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user).values("pk"))

    def counted(self) -> PurchaseQuerySet:
        """Orders that stand: cancelled ones are no sale."""
        return self.exclude(status=Purchase.Status.CANCELLED)

    def late(self, now: datetime) -> PurchaseQuerySet:
        """Delivered after the promise, or the promise is past with neither delivery nor cancellation."""
        delivered_late = models.Q(delivered_at__gt=models.F("promised_at"))
        overdue = models.Q(delivered_at=None, cancelled_at=None, promised_at__lt=now)
        return self.filter(delivered_late | overdue, promised_at__isnull=False)

    def awaited(self) -> PurchaseQuerySet:
        """Promised, and neither delivered nor called off."""
        return self.filter(delivered_at=None, cancelled_at=None, promised_at__isnull=False).exclude(
            status__in=[Purchase.Status.REFUNDED, Purchase.Status.COMPLETED]
        )

    def overdue(self, now: datetime) -> PurchaseQuerySet:
        """Awaited, and the promise is past: work to do."""
        return self.awaited().filter(promised_at__lt=now)


class Purchase(Factual, models.Model):
    """An order. `source` and `reference` are the storefront's slug and its own order number."""

    class Status(models.TextChoices):
        PLACED = "placed", _("placed")
        PAID = "paid", _("paid")
        SHIPPED = "shipped", _("shipped")
        DELIVERED = "delivered", _("delivered")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")
        REFUNDED = "refunded", _("refunded")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    # Its index is purchase_by_customer.
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="purchases", db_index=False, verbose_name=_("customer")
    )
    source = models.CharField(_("source"), max_length=64)
    reference = models.CharField(_("order number"), max_length=100)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PLACED)
    currency = models.CharField(_("currency"), max_length=3)
    total_minor = models.BigIntegerField(_("total (minor units)"))  # tax and shipping included
    refunded_minor = models.BigIntegerField(_("refunded (minor units)"), default=0)
    discount_minor = models.BigIntegerField(_("discount (minor units)"), default=0)
    coupon = models.CharField(_("coupon"), max_length=64, blank=True)
    payment_method = models.CharField(_("payment method"), max_length=64, blank=True)
    placed_at = models.DateTimeField(_("placed"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)
    promised_at = models.DateTimeField(_("promised for"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    late_since = models.DateTimeField(_("late since"), null=True, blank=True, editable=False)
    recorded_at = models.DateTimeField(_("recorded"), default=timezone.now, editable=False)

    history = HistoricalRecords()
    objects = PurchaseQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("purchase"), _("purchases")
        constraints = [models.UniqueConstraint(fields=["source", "reference"], name="purchase_once")]
        indexes = [
            models.Index(fields=["customer", "-placed_at"], name="purchase_by_customer"),
            models.Index(fields=["-placed_at", "-id"], name="purchase_by_placed"),
            models.Index(fields=["reference"], name="purchase_by_reference"),
            # crm.tasks.flag_late_purchases, and the late section of Today.
            models.Index(
                fields=["promised_at"],
                name="purchase_awaited",
                condition=models.Q(delivered_at=None, cancelled_at=None, promised_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("crm:purchase_detail", args=[self.public_id])

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.currency)

    def is_late(self, now: datetime) -> bool:
        """Delivered after the promise, or promised by `now` and neither delivered nor cancelled."""
        if self.promised_at is None or (self.cancelled_at and not self.delivered_at):
            return False
        return (self.delivered_at or now) > self.promised_at

    def days_late(self, now: datetime) -> int:
        """Whole days past the promise, 0 when in time."""
        if not self.promised_at or not self.is_late(now):
            return 0
        return max(((self.delivered_at or now) - self.promised_at).days, 0)

    def status_from_dates(self) -> str:
        """The furthest status that the dates prove; cancelled and refunded end it."""
        if self.cancelled_at:
            return self.Status.CANCELLED
        if self.refunded_minor and self.refunded_minor >= self.total_minor:
            return self.Status.REFUNDED
        for at, status in (
            (self.completed_at, self.Status.COMPLETED),
            (self.delivered_at, self.Status.DELIVERED),
            (self.shipped_at, self.Status.SHIPPED),
            (self.paid_at, self.Status.PAID),
        ):
            if at:
                return status
        return self.Status.PLACED

    def facts(self, items: Sequence[PurchaseItem] = ()) -> list[EventDraft]:
        """
        Every fact the row's dates stand for, in the order they happened.

        The keys name the fact, so that saving again adds only what is new, whatever saved it.
        """
        properties: dict[str, Any] = {
            "order_id": self.reference,
            "total": str(self.total.amount),
            "currency": self.currency,
            "payment_method": self.payment_method,
            "coupon": self.coupon,
            "promised_at": self.promised_at.isoformat() if self.promised_at else None,
            "products": [item.as_property() for item in items],
        }
        dated = (
            ("Order Completed", self.placed_at),
            ("Order Paid", self.paid_at),
            ("Order Shipped", self.shipped_at),
            ("Order Late", self.late_since),
            ("Order Delivered", self.delivered_at),
            ("Order Cancelled", self.cancelled_at),
        )
        facts = [
            EventDraft(
                name=name,
                customer_id=self.customer_id,
                occurred_at=at,
                dedupe_key=f"purchase:{self.source}:{self.reference}:{name}",
                properties=properties,
                object_type="purchase",
                object_id=self.pk,
            )
            for name, at in dated
            if at
        ]
        return sorted(facts, key=lambda fact: fact.occurred_at)


class PurchaseItem(models.Model):
    purchase = models.ForeignKey(Purchase, models.CASCADE, related_name="items", verbose_name=_("purchase"))
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, blank=True, related_name="items", verbose_name=_("product")
    )
    sku = models.CharField(_("SKU"), max_length=100, blank=True)
    name = models.CharField(_("name"), max_length=250, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    price_minor = models.BigIntegerField(_("price each (minor units)"))

    class Meta:
        verbose_name, verbose_name_plural = _("item"), _("items")

    def __str__(self) -> str:
        return f"{self.quantity} × {self.name or self.sku}"

    def as_property(self) -> dict[str, Any]:
        """The item as the e-commerce spec writes a product."""
        price = Money(self.price_minor, self.purchase.currency)
        return {"sku": self.sku, "name": self.name, "quantity": self.quantity, "price": str(price.amount)}

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.purchase.currency)

    @property
    def line_total(self) -> Money:
        return Money(self.price_minor * self.quantity, self.purchase.currency)


class Refund(Factual, models.Model):
    """Money given back, on a purchase or, when the shop cannot say which, on the customer."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="refunds", verbose_name=_("customer"))
    purchase = models.ForeignKey(
        Purchase, models.CASCADE, null=True, blank=True, related_name="refunds", verbose_name=_("purchase")
    )
    source = models.CharField(_("source"), max_length=64)
    reference = models.CharField(_("refund number"), max_length=100)
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    refunded_at = models.DateTimeField(_("refunded"))

    class Meta:
        verbose_name, verbose_name_plural = _("refund"), _("refunds")
        constraints = [models.UniqueConstraint(fields=["source", "reference"], name="refund_once")]

    def __str__(self) -> str:
        return self.reference

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    def facts(self) -> list[EventDraft]:
        return [
            EventDraft(
                name="Order Refunded",
                customer_id=self.customer_id,
                occurred_at=self.refunded_at,
                dedupe_key=f"refund:{self.source}:{self.reference}",
                properties={
                    "order_id": self.purchase.reference if self.purchase else "",
                    "refund_id": self.reference,
                    "total": str(self.amount.amount),
                    "currency": self.currency,
                    "reason": self.reason,
                },
                object_type="purchase" if self.purchase_id else "",
                object_id=self.purchase_id,
            )
        ]
