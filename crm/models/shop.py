"""The shop itself: one row of settings that staff edit."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.lib import configuration


class Shop(models.Model):
    """Who we are. Exactly one row; `Shop.current()` makes it from the environment's defaults."""

    class SalesSee(models.TextChoices):
        ALL = "all", _("all customers")
        OWN = "own", _("their own and unassigned customers")

    class PublishReviews(models.TextChoices):
        NEVER = "never", _("after a person has read them")
        VERIFIED = "verified", _("at once when an order proves them")

    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64)
    country = models.CharField(_("country"), max_length=2)
    currency = models.CharField(_("currency"), max_length=3)
    language = models.CharField(_("language"), max_length=8)
    sales_see = models.CharField(_("sales see"), max_length=8, choices=SalesSee, default=SalesSee.ALL)
    publish_reviews = models.CharField(
        _("publish reviews"), max_length=8, choices=PublishReviews, default=PublishReviews.VERIFIED
    )
    control_group = models.PositiveSmallIntegerField(
        _("control group (%)"), default=0, validators=[MaxValueValidator(50)],
        help_text=_("This share of all customers enters flows and is never written to by them, to see what flows do."),
    )  # fmt: skip

    class Meta:
        verbose_name = verbose_name_plural = _("shop")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> Shop:
        """The one row; made on first use. Remembered by batches (crm.lib.configuration)."""
        return _current()


@configuration.remembered(Shop)
def _current() -> Shop:
    shop, _created = Shop.objects.get_or_create(
        pk=1,
        defaults={
            "name": settings.SHOP_NAME,
            "time_zone": settings.SHOP_TIME_ZONE,
            "country": settings.SHOP_COUNTRY,
            "currency": settings.SHOP_CURRENCY,
            "language": settings.SHOP_LANGUAGE,
        },
    )
    return shop
