"""Coupons: the single-use codes of a promotion, one row a code."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.events.types import EventDraft
from crm.lib.ids import uuid7
from crm.models.customer import Customer
from crm.models.promotion import Promotion

# No letters or digits that are mistaken for one another when read aloud or off a phone. Ten of them are 49 bits: nobody
# guesses a code, and of a million codes hardly two are drawn alike.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
HALF = 5


def new_code() -> str:
    """A code to give away: "K7QPM-3XWHT"."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(2 * HALF))
    return f"{drawn[:HALF]}-{drawn[HALF:]}"


def as_code(text: str) -> str:
    """A code as we write it, however somebody typed it: "k7qpm 3xwht" is "K7QPM-3XWHT"."""
    typed = "".join(char for char in text.upper() if char.isalnum())
    return f"{typed[:HALF]}-{typed[HALF:]}" if len(typed) == 2 * HALF else text.strip().upper()


# What may become of one, and how it is said.
STATES = {"open": _("unused"), "redeemed": _("redeemed"), "expired": _("expired"), "void": _("void")}


class CouponQuerySet(models.QuerySet["Coupon"]):
    def redeemed(self) -> CouponQuerySet:
        return self.filter(redeemed_at__isnull=False)

    def in_state(self, state: str, now: datetime) -> CouponQuerySet:
        """Those that are open, redeemed, expired or void at `now`."""
        if state == "redeemed":
            return self.redeemed()
        unused = self.filter(redeemed_at=None)
        if state == "void":
            return unused.filter(voided_at__isnull=False)
        live = unused.filter(voided_at=None)
        return live.filter(expires_at__lte=now) if state == "expired" else live.exclude(expires_at__lte=now)


class Coupon(models.Model):
    """
    One code, good once. Written by `crm.services.coupons` only.

    `customer` is whom it was given to, and then only they may redeem it; a code given to nobody belongs to whoever
    redeems it. The order is named by the storefront's own number, which may become known later than the redemption.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    promotion = models.ForeignKey(
        Promotion, models.PROTECT, related_name="coupons", db_index=False, verbose_name=_("promotion")
    )
    code = models.CharField(_("code"), max_length=32, unique=True, default=new_code)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="coupons", verbose_name=_("customer")
    )
    issued_at = models.DateTimeField(_("issued"), default=timezone.now)
    expires_at = models.DateTimeField(_("good until"), null=True, blank=True)
    redeemed_at = models.DateTimeField(_("redeemed"), null=True, blank=True)
    purchase_source = models.CharField(_("source of the order"), max_length=64, blank=True)
    purchase_reference = models.CharField(_("order number"), max_length=100, blank=True)
    # Who redeemed it for the customer: a member of staff, or the source of the program's key.
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    redeemed_through = models.CharField(_("through"), max_length=64, blank=True)
    voided_at = models.DateTimeField(_("void since"), null=True, blank=True)
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("made void by"),
    )
    # What made it, e.g. "flow:win-back", and the one coupon of that cause (a flow's step for one visit).
    cause = models.CharField(_("made by"), max_length=100, blank=True, editable=False)
    dedupe_key = models.CharField(max_length=200, unique=True, null=True, blank=True, editable=False)

    objects = CouponQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("coupon"), _("coupons")
        indexes = [
            # The codes of a promotion, newest first.
            models.Index(fields=["promotion", "-id"], name="coupon_by_promotion"),
            # How often a customer has redeemed a promotion: the limit for one customer.
            models.Index(
                fields=["promotion", "customer"], name="coupon_redeemed",
                condition=models.Q(redeemed_at__isnull=False),
            ),
            # What a promotion's orders brought (crm.selectors.promotions): from the order's side.
            models.Index(
                fields=["purchase_source", "purchase_reference"], name="coupon_by_purchase",
                condition=~models.Q(purchase_reference=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.code

    def state(self, now: datetime) -> str:
        """What has become of it: open, redeemed, expired or void."""
        if self.redeemed_at:
            return "redeemed"
        if self.voided_at:
            return "void"
        return "expired" if self.expires_at and self.expires_at <= now else "open"

    def is_redeemed_for(self, purchase: tuple[str, str]) -> bool:
        """Whether this order, named by (source, order number), is the one that used it."""
        return self.redeemed_at is not None and (self.purchase_source, self.purchase_reference) == purchase

    def facts(self) -> list[EventDraft]:
        """Given and redeemed, for the customer it concerns; a code that is nobody's is no fact about anybody."""
        if self.customer_id is None:
            return []
        facts = [self._fact("Coupon Issued", self.issued_at, {})] if self.cause else []
        if self.redeemed_at:
            order = {"order_id": self.purchase_reference, "through": self.redeemed_through}
            facts.append(self._fact("Coupon Redeemed", self.redeemed_at, order))
        return facts

    def _fact(self, name: str, at: datetime, more: dict[str, Any]) -> EventDraft:
        promotion = self.promotion
        properties = {
            "coupon_id": self.code,
            "coupon_name": promotion.name,
            "promotion": promotion.slug,
            "value": promotion.value,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            **more,
        }
        return EventDraft(
            name=name,
            customer_id=self.customer_id or 0,
            occurred_at=at,
            dedupe_key=f"coupon:{self.public_id}:{name}",
            properties=properties,
            object_type="coupon",
            object_id=self.pk,
        )
