"""Broadcasts: one message to many people at once, and who they are."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.lib.ids import uuid7
from crm.models import Channel, Customer, Topic
from messaging.models.channel import no_line_breaks
from messaging.models.message import Message

MOST_VARIANTS = 4


class BroadcastQuerySet(models.QuerySet["Broadcast"]):
    def at_work(self, now: datetime) -> BroadcastQuerySet:
        """Those a worker has to look at: their time has come, and nobody has stopped them."""
        is_due = models.Q(state=Broadcast.State.SCHEDULED, starts_at__lte=now)
        is_under_way = models.Q(state__in=[Broadcast.State.SENDING, Broadcast.State.PAUSED])
        return self.filter(is_due | is_under_way | models.Q(is_settling=True))

    def to_be_counted(self, now: datetime) -> BroadcastQuerySet:
        """Those whose totals are missing or too old (broadcasts.totals)."""
        return self.filter(models.Q(recount_at=None) | models.Q(recount_at__lte=now), started_at__isnull=False)


class Broadcast(models.Model):
    """
    A text, or several to choose the best of, for everybody a rule holds for. Written by `messaging.broadcasts` only.

    Once it has started, its audience is a list of `BroadcastRecipient` rows; `cursor` says how far the customers have
    been looked through for it. Everything a worker does is one batch in one transaction that holds this row.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", _("scheduled")
        SENDING = "sending", _("being sent")
        PAUSED = "paused", _("paused")
        DONE = "done", _("completed")
        CANCELLED = "cancelled", _("cancelled")

    class Timing(models.TextChoices):
        NOW = "now", _("at once")
        AT = "at", _("at one moment")
        LOCAL = "local", _("when each customer's clock shows a time")

    class WinnerBy(models.TextChoices):
        CLICKS = "clicks", _("most clicks")
        DELIVERIES = "deliveries", _("most deliveries")
        GOAL = "goal", _("most who then did something")
        PERSON = "person", _("somebody decides")

    class Halt(models.TextChoices):
        """Why it paused by itself."""

        TOO_MANY = "too_many", _("It reaches more people than it may without a second person's approval.")
        BAD_RULE = "bad_rule", _("Its audience cannot be read any more: a segment it speaks of is gone.")

    # Nothing of it has been written to anybody, and nobody is about to.
    EDITABLE = (State.DRAFT,)
    STOPPABLE = (State.SCHEDULED, State.SENDING)
    OVER = (State.DONE, State.CANCELLED)

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.DRAFT)

    # To whom
    rule = models.JSONField(_("audience"), default=dict, blank=True)
    is_live = models.BooleanField(
        _("asked again until the end"), default=False,
        help_text=_("Who no longer fits when their turn comes is left out; who fits since then is added."),
    )  # fmt: skip
    topic = models.ForeignKey(Topic, models.PROTECT, related_name="+", verbose_name=_("topic"))
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    fallback = models.JSONField(_("other channels"), default=list, blank=True)

    # When
    timing = models.CharField(_("when"), max_length=8, choices=Timing, default=Timing.NOW)
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)
    local_date = models.DateField(_("day"), null=True, blank=True)
    local_time = models.TimeField(_("time"), null=True, blank=True)
    per_minute = models.PositiveIntegerField(_("messages a minute"), default=0, help_text=_("0: no limit"))
    expires_after = models.PositiveSmallIntegerField(
        _("of no use after (hours)"), default=24, validators=[MinValueValidator(1), MaxValueValidator(720)]
    )

    # Which text: all of them by weight, or a share of the people first and the best for the rest.
    test_share = models.PositiveSmallIntegerField(_("tried on (%)"), default=0, validators=[MaxValueValidator(90)])
    winner_by = models.CharField(_("the best by"), max_length=12, choices=WinnerBy, default=WinnerBy.CLICKS)
    winner_goal = models.CharField(_("what they do"), max_length=100, blank=True)
    winner_after = models.PositiveSmallIntegerField(
        _("decided after (hours)"), default=4, validators=[MinValueValidator(1), MaxValueValidator(168)]
    )
    winner = models.PositiveSmallIntegerField(_("winner"), null=True, blank=True)
    winner_decided_at = models.DateTimeField(_("winner decided"), null=True, blank=True)
    winner_decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("winner decided by"),
    )  # fmt: skip

    # By whom
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("changed by")
    )
    updated_at = models.DateTimeField(_("changed"), default=timezone.now)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("sent by")
    )
    approval_asked_at = models.DateTimeField(_("approval asked for"), null=True, blank=True)
    approval_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("approval asked for by"),
    )  # fmt: skip
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("approved by"),
    )  # fmt: skip
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    # Without approval it stops by itself when its audience turns out to be larger.
    most_people = models.PositiveIntegerField(_("people at most"), null=True, blank=True)

    # How far it has come
    # The messages already on the ledger do not follow its state yet: some are to be held, let go or cancelled.
    is_settling = models.BooleanField(default=False, editable=False)
    halt = models.CharField(_("stopped by itself"), max_length=12, choices=Halt, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    cursor = models.BigIntegerField(default=0, editable=False)
    looked_at = models.PositiveIntegerField(_("customers looked at"), default=0, editable=False)
    people = models.PositiveIntegerField(_("people"), default=0, editable=False)
    gathered_at = models.DateTimeField(_("audience written down"), null=True, blank=True)
    next_slot_at = models.DateTimeField(null=True, blank=True, editable=False)
    tested_at = models.DateTimeField(_("last of the trial queued"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    # What came of it, as of `counted_at` (selectors.broadcasts.Tally); counted anew at `recount_at`, None: at once.
    totals = models.JSONField(default=dict, editable=False)
    counted_at = models.DateTimeField(_("counted"), null=True, blank=True)
    recount_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BroadcastQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("broadcast"), _("broadcasts")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("messaging:broadcast_detail", args=[self.public_id])

    @property
    def channels(self) -> list[str]:
        """In the order in which they are tried."""
        return [self.channel, *self.fallback]

    @property
    def is_under_way(self) -> bool:
        return self.started_at is not None and self.state not in self.OVER

    @property
    def is_trial(self) -> bool:
        """Whether some get a variant by lot first, and the rest the best of them."""
        return self.test_share > 0

    @property
    def awaits_winner(self) -> bool:
        return self.is_trial and self.winner is None

    @property
    def awaits_approval(self) -> bool:
        return self.state == self.State.DRAFT and self.approval_asked_at is not None


class BroadcastVariant(models.Model):
    """One of the texts: a template of the library by its slug, or Liquid of its own."""

    broadcast = models.ForeignKey(
        Broadcast, models.CASCADE, related_name="variants", db_index=False, verbose_name=_("broadcast")
    )
    number = models.PositiveSmallIntegerField(
        _("number"), validators=[MinValueValidator(1), MaxValueValidator(MOST_VARIANTS)]
    )
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    template = models.SlugField(_("template"), max_length=64, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True, validators=[no_line_breaks])
    body = models.TextField(_("text"), blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("variant"), _("variants")
        ordering = ["broadcast", "number"]
        constraints = [models.UniqueConstraint(fields=["broadcast", "number"], name="broadcast_variant_unique")]

    def __str__(self) -> str:
        return self.letter

    @property
    def letter(self) -> str:
        """1 → "A"."""
        return "ABCD"[self.number - 1]


class BroadcastRecipient(models.Model):
    """
    Somebody on a broadcast's list.

    `variant` is the lot they drew; None: they get the winner, once it is known. `due_at` is when their turn comes.

    Whoever writes one holds the broadcast's row, and writes the message in the same transaction: the database need not
    look either up again for each of thousands (decision 017).
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for its turn")
        QUEUED = "queued", _("has a message")
        LEFT = "left", _("no longer in the audience")

    broadcast = models.ForeignKey(
        Broadcast, models.CASCADE, related_name="recipients", db_index=False, db_constraint=False,
        verbose_name=_("broadcast"),
    )  # fmt: skip
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_index=False, verbose_name=_("customer"))
    variant = models.PositiveSmallIntegerField(_("variant"), null=True, blank=True)
    due_at = models.DateTimeField(_("due"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    message = models.OneToOneField(
        Message, models.SET_NULL, null=True, blank=True, related_name="recipient", db_constraint=False,
        verbose_name=_("message"),
    )  # fmt: skip

    class Meta:
        verbose_name, verbose_name_plural = _("recipient"), _("recipients")
        # Each foreign key leads one of these.
        constraints = [models.UniqueConstraint(fields=["customer", "broadcast"], name="broadcast_recipient_once")]
        indexes = [
            # broadcasts.expansion: whose turn it is.
            models.Index(fields=["broadcast", "state", "due_at", "id"], name="broadcast_turns")
        ]

    def __str__(self) -> str:
        return f"{self.broadcast_id}: {self.customer_id} {self.state}"
