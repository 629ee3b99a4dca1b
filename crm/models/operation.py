"""The product's own book-keeping: the worker's heartbeat and how far a replay has come."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Heartbeat(models.Model):
    """A row that a tick writes; when it grows old, the worker is stuck whatever it says."""

    name = models.CharField(max_length=32, unique=True)
    beat_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = _("heartbeat"), _("heartbeats")

    def __str__(self) -> str:
        return f"{self.name} {self.beat_at:%F %T}"


class ConfigurationStamp(models.Model):
    """The state a table of configuration is in, as one random word (crm.lib.stamps writes it, by triggers)."""

    kind = models.CharField(_("table"), max_length=63, primary_key=True)
    stamp = models.CharField(_("stamp"), max_length=36)

    class Meta:
        verbose_name, verbose_name_plural = _("configuration stamp"), _("configuration stamps")

    def __str__(self) -> str:
        return f"{self.kind} {self.stamp}"


class ReplayRun(models.Model):
    """
    How far `manage.py replay` has come with one history: it goes on behind `position` after a kill.

    `clock` is the instant, in the history's time, of the last round of due work.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=200)
    position = models.PositiveBigIntegerField(default=0)
    clock = models.DateTimeField(null=True)
    report = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("replay"), _("replays")

    def __str__(self) -> str:
        return self.label
