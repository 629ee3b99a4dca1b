"""How far work that goes through old rows has come."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Sweep(models.Model):
    """A walk through a table that only grows: rows up to `position` have been looked at, and the next begins there."""

    name = models.CharField(_("name"), max_length=32, unique=True)
    position = models.BigIntegerField(_("up to row"), default=0)

    objects: models.Manager[Sweep] = models.Manager()

    class Meta:
        verbose_name, verbose_name_plural = _("sweep"), _("sweeps")

    def __str__(self) -> str:
        return f"{self.name}: {self.position}"
