"""Addresses we do not write to."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from functools import cache

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Channel


def hash_address(channel: str, address: str) -> str:
    """
    The address as suppressions know it: HMAC-SHA256 under SUPPRESSION_PEPPER, in hex; "" for none.

    Stored instead of the address, so that erasing a person can keep the promise never to write there again.
    """
    plain = address.strip()
    if not plain:
        return ""
    if channel == Channel.EMAIL:
        plain = plain.lower()
    return hmac.new(_pepper(settings.SUPPRESSION_PEPPER), f"{channel}:{plain}".encode(), hashlib.sha256).hexdigest()


@cache
def _pepper(text: str) -> bytes:
    return text.encode()


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def standing(self) -> SuppressionQuerySet:
        """Those that hold now."""
        return self.filter(lifted_at=None)

    def of(self, channel: str, hashes: Collection[str]) -> SuppressionQuerySet:
        return self.standing().filter(channel=channel, address_hash__in=hashes)


class Suppression(models.Model):
    """An address asked us to stop, or cannot be reached. It belongs to the address, not to a person."""

    class Scope(models.TextChoices):
        ALL = "all", _("everything")
        MARKETING = "marketing", _("marketing")

    class Cause(models.TextChoices):
        STOP = "stop", _("asked us to stop")
        UNKNOWN_ADDRESS = "unknown_address", _("does not exist")
        BLOCKED = "blocked", _("blocks adverts")
        LEFT = "left", _("left our channel")
        COMPLAINED = "complained", _("marked as spam")
        STAFF = "staff", _("by staff")

    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    address_hash = models.CharField(_("address (hash)"), max_length=64)
    scope = models.CharField(_("scope"), max_length=16, choices=Scope)
    cause = models.CharField(_("cause"), max_length=16, choices=Cause)
    # For STOP: {"withdrew": [topic slugs]}, which START gives back.
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    since = models.DateTimeField(_("since"))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("suppressed address"), _("suppressed addresses")
        constraints = [
            # Also what the sender looks up, just before the wire.
            models.UniqueConstraint(
                fields=["channel", "address_hash", "scope", "cause"],
                name="suppression_unique",
                condition=models.Q(lifted_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.scope} {self.address_hash[:8]}"
