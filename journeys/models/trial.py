"""What staff keep of trying a flow: tests that must pass before it is published, and runs over the past."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.models.flow import Flow


class FlowTest(models.Model):
    """
    A simulation that must come out as expected before the flow's draft is published.

    `script` is written by journeys.simulation.stored, `expected` and `differences` by journeys.simulation.expectations.
    `ran_with` is the fingerprint of the draft that it was tried with last, "" when it never was; of the same draft
    `differences` says how it went: nothing when it passed.
    """

    flow = models.ForeignKey(Flow, models.CASCADE, related_name="tests", db_index=False, verbose_name=_("flow"))
    name = models.CharField(_("name"), max_length=100)
    script = models.JSONField(_("what happens"))
    expected = models.JSONField(_("what must come of it"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))
    ran_at = models.DateTimeField(_("tried"), null=True, blank=True)
    ran_with = models.CharField(max_length=64, blank=True, editable=False)
    differences = models.JSONField(_("differences"), default=list, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("test of a flow"), _("tests of flows")
        ordering = ["flow", "name"]
        constraints = [models.UniqueConstraint(fields=["flow", "name"], name="flow_test_named_once")]

    def __str__(self) -> str:
        return self.name


class BacktestQuerySet(models.QuerySet["Backtest"]):
    def open(self) -> BacktestQuerySet:
        """What is still to be counted, the oldest first."""
        return self.filter(finished_at=None).order_by("pk")

    def claimable(self, now: datetime) -> BacktestQuerySet:
        """Of those, what no worker has in hand."""
        return self.open().filter(models.Q(leased_until=None) | models.Q(leased_until__lt=now))


class Backtest(models.Model):
    """
    A draft being tried on the past by the worker, some customers at a time (journeys.simulation.backtest.rows).

    `definition` is the draft as it stood when somebody asked. `report` is what the parts done so far add up to, in the
    shape of journeys.simulation.backtest.report; `position` is the number of the last customer in it.
    """

    flow = models.ForeignKey(Flow, models.CASCADE, related_name="backtests", verbose_name=_("flow"))
    definition = models.JSONField(_("definition"))
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("to"))
    most = models.PositiveIntegerField(_("events at most"))
    sms_price = models.DecimalField(_("price of an SMS segment"), max_digits=9, decimal_places=5, null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    asked_at = models.DateTimeField(_("asked"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    position = models.BigIntegerField(default=0, editable=False)
    total = models.PositiveIntegerField(_("events"), default=0, editable=False)
    done = models.PositiveIntegerField(_("events done"), default=0, editable=False)
    report = models.JSONField(_("report"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True)

    objects = BacktestQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("run over the past"), _("runs over the past")
        ordering = ["-pk"]
        # The worker's look for work (simulation.backtest.rows).
        indexes = [models.Index(fields=["id"], name="backtest_open", condition=models.Q(finished_at=None))]

    def __str__(self) -> str:
        return f"{self.flow} {self.since:%Y-%m-%d} – {self.until:%Y-%m-%d}"

    @property
    def last_moment(self) -> datetime:
        """`until` is the first that is not in it any more: the midnight behind the last day."""
        return self.until - timedelta.resolution
