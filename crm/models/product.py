"""Products: what is sold, as far as the log has seen it."""

from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Product(models.Model):
    sku = models.CharField(_("SKU"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=250, blank=True)
    category = models.CharField(_("category"), max_length=100, blank=True)
    brand = models.CharField(_("brand"), max_length=100, blank=True)
    url = models.URLField(_("page"), blank=True, max_length=500)
    price_minor = models.BigIntegerField(_("price (minor units)"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    # How long a buyer uses it before an opinion is worth asking for, and before it runs out.
    time_of_use = models.DurationField(_("time of use before a review"), default=timedelta(days=7))
    repurchase_after = models.DurationField(_("runs out after"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("product"), _("products")

    def __str__(self) -> str:
        return self.name or self.sku
