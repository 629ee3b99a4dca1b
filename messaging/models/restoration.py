"""What tells this ledger from an older copy of itself, and what was done each time it turned out to be one."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import User

# A step that was due so long before the backup may still have been taken behind it, by a worker that was late.
LATENESS = timedelta(hours=1)


class Ledger(models.Model):
    """
    Exactly one row, made by a migration. Written by `messaging.outbox.restores` only.

    `book` names the history that the ledger tells, `beat` is how far it has come: a number that only grows, and that is
    kept outside the database, too. `identity` is what the server said of the database as it beat last.
    """

    book = models.UUIDField(_("book"), default=uuid.uuid4, editable=False)
    beat = models.PositiveBigIntegerField(_("beat"), default=0)
    beat_at = models.DateTimeField(_("last beat"), null=True, blank=True)
    is_witnessed = models.BooleanField(_("seen from outside"), default=False)
    identity = models.JSONField(_("identity"), default=dict, blank=True)

    objects: models.Manager[Ledger] = models.Manager()

    class Meta:
        verbose_name = verbose_name_plural = _("ledger")

    def __str__(self) -> str:
        return f"{self.book} {self.beat}"


class RestorationQuerySet(models.QuerySet["Restoration"]):
    def open(self) -> RestorationQuerySet:
        """Those for which sending is held; at most one."""
        return self.filter(ended_at=None)

    def believed(self) -> RestorationQuerySet:
        """All but the false alarms."""
        return self.exclude(verdict=Restoration.Verdict.FALSE_ALARM)


class Restoration(models.Model):
    """
    The database was restored from a backup, or looks as if: nothing is sent until a person has said what to do.

    What happened between `lost_from` and `lost_until` is missing from the ledger, though people may have got messages.
    """

    class Cause(models.TextChoices):
        BEHIND = "behind", _("The ledger is older than what was last seen of it")
        MOVED = "moved", _("The ledger is in another database than it was")
        UNWITNESSED = "unwitnessed", _("The ledger was moved here without the file that watches over it")
        TOLD = "told", _("A person said so")

    class Verdict(models.TextChoices):
        RECONCILED = "reconciled", _("reconciled")
        FALSE_ALARM = "false_alarm", _("false alarm")

    cause = models.CharField(_("cause"), max_length=12, choices=Cause)
    noticed_at = models.DateTimeField(_("noticed"))
    last_seen_at = models.DateTimeField(_("last seen before"), null=True, blank=True)
    lost_from = models.DateTimeField(_("time of the backup"))
    lost_until = models.DateTimeField(_("lost until"))
    # Once a person has said so, workers go through the ledger, up to the message `position` so far.
    asked_at = models.DateTimeField(_("asked to reconcile"), null=True, blank=True)
    asked_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    asked_as = models.CharField(_("asked as"), max_length=150, blank=True)
    position = models.BigIntegerField(_("up to row"), default=0)
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict, blank=True)
    remark = models.CharField(_("reason"), max_length=500, blank=True)

    objects = RestorationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("restoration"), _("restorations")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1), name="one_open_restoration", condition=models.Q(ended_at__isnull=True)
            ),
            models.CheckConstraint(
                condition=models.Q(lost_from__lte=models.F("lost_until")), name="restoration_loses_forwards"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.noticed_at:%Y-%m-%d %H:%M} {self.cause}"

    @property
    def in_question(self) -> int:
        """How many messages may have gone out in the time that is lost, so far as the ledger was gone through."""
        return sum(number for name, number in self.counts.items() if not name.startswith("settled_"))

    def may_have_sent(self, meant_at: datetime) -> bool:
        """Whether what was meant for then may have gone out in the time that is lost."""
        return self.lost_from - LATENESS <= meant_at <= self.lost_until
