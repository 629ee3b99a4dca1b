"""What messages cost: what the shop's provider charges, by channel and country."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Channel


class Price(models.Model):
    """
    The price of one unit: a segment of an SMS, a message of any other channel.

    `micros` are millionths of the shop's currency, since a text is sold for fractions of its smallest coin.
    """

    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    country = models.CharField(
        _("country"), max_length=2, blank=True, help_text=_("ISO code; empty for all countries without their own")
    )
    micros = models.PositiveBigIntegerField(_("millionths of the currency"))

    class Meta:
        verbose_name, verbose_name_plural = _("price"), _("prices")
        ordering = ["channel", "country"]
        constraints = [models.UniqueConstraint(fields=["channel", "country"], name="price_unique")]

    def __str__(self) -> str:
        return f"{self.channel} {self.country or '*'} {self.micros}"
