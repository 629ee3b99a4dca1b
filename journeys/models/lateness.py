"""How punctual the runner is."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Lateness(models.Model):
    """
    How late the runs of one batch were taken up: {"seconds": how many}, the seconds to two digits
    (journeys.flows.punctuality). Rows are only added, so that workers do not wait for each other, and deleted at
    night.
    """

    at = models.DateTimeField(_("when"), db_index=True)
    counts = models.JSONField(_("seconds late"))

    class Meta:
        verbose_name, verbose_name_plural = _("lateness of a batch"), _("lateness of batches")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
