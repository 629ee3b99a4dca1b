"""What people write to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.models import Channel, Customer, Ticket, TicketAttachment, TicketMessage

if TYPE_CHECKING:
    from crm.models import User


class FileToFetch(models.Model):
    """
    A file of a ticket that a provider keeps for us. The row goes when the file is there, or is given up.

    `reference` is what the provider knows it by; `due_at` is the next try, or the end of the one under way.
    """

    attachment = models.OneToOneField(
        TicketAttachment, models.CASCADE, primary_key=True, related_name="to_fetch", verbose_name=_("attachment")
    )
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    provider = models.CharField(_("provider"), max_length=32)
    reference = models.TextField(_("provider's reference"))
    announced_at = models.DateTimeField(_("announced"))
    due_at = models.DateTimeField(_("next try"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    fault = models.CharField(_("fault"), max_length=500, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("file to fetch"), _("files to fetch")
        # services.fetching: what is due.
        indexes = [models.Index(fields=["due_at"], name="file_to_fetch_due")]

    def __str__(self) -> str:
        return f"{self.provider} {self.reference}"


class InboundMessageQuerySet(models.QuerySet["InboundMessage"]):
    def visible_to(self, user: User) -> InboundMessageQuerySet:
        """What is nobody's is for everybody who may answer it."""
        theirs = Customer.objects.visible_to(user).filter(pk=models.OuterRef("customer"))
        return self.filter(models.Q(customer=None) | models.Exists(theirs))

    def to_review(self) -> InboundMessageQuerySet:
        """Texts that may mean "stop": a person decides."""
        return self.filter(reading=InboundMessage.Reading.UNCLEAR, reviewed_at=None)

    def wanting_a_look(self) -> InboundMessageQuerySet:
        """Those, and what could be filed under nobody."""
        readings = InboundMessage.Reading
        return self.filter(
            models.Q(reading=readings.UNCLEAR) | models.Q(reading=readings.MESSAGE, customer=None), reviewed_at=None
        )


class InboundMessage(models.Model):
    """One message from outside, as it came, and what we made of it."""

    class Reading(models.TextChoices):
        MESSAGE = "message", _("message")
        STOP = "stop", _("stop")
        START = "start", _("start")
        HELP = "help", _("help")
        UNCLEAR = "unclear", _("perhaps stop")
        FOLLOWED = "followed", _("followed us")
        LEFT = "left", _("left us")
        AUTOMATIC = "auto", _("automatic answer")
        UNSENT = "unsent", _("taken back")

    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    provider = models.CharField(_("provider"), max_length=32)
    provider_id = models.CharField(_("provider's id"), max_length=200)
    from_address = models.CharField(_("from"), max_length=254)
    from_name = models.CharField(_("name given"), max_length=200, blank=True)
    to_address = models.CharField(_("to"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=998, blank=True)
    body = models.TextField(_("text"), blank=True)
    # An email's own id, and those it answers, newest last, with angle brackets; LINE's of a message.
    message_id = models.CharField(_("Message-ID"), max_length=255, blank=True)
    references = models.JSONField(_("References"), default=list, blank=True)
    # LINE: an answer with it costs nothing. Good once and for a minute; taken out as it is used.
    reply_token = models.CharField(max_length=200, blank=True, editable=False)
    reading = models.CharField(_("read as"), max_length=8, choices=Reading)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="inbound_messages", verbose_name=_("customer")
    )
    ticket = models.ForeignKey(
        Ticket, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("ticket")
    )
    turn = models.ForeignKey(
        TicketMessage, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("on the ticket")
    )
    received_at = models.DateTimeField(_("received"))
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reviewed by"),
    )

    objects = InboundMessageQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("inbound message"), _("inbound messages")
        constraints = [models.UniqueConstraint(fields=["provider", "provider_id"], name="inbound_once")]
        indexes = [
            # The review queue.
            models.Index(
                fields=["received_at"],
                name="inbound_to_review",
                condition=models.Q(reading="unclear", reviewed_at=None),
            ),
            # The list's "wants a look", beside the above: what is nobody's.
            models.Index(
                fields=["received_at"],
                name="inbound_unfiled",
                condition=models.Q(reading="message", customer=None, reviewed_at=None),
            ),
            # inbound.threads: the letter that another one answers.
            models.Index(fields=["message_id"], name="inbound_by_message_id", condition=~models.Q(message_id="")),
            # outbox.threads: what an answer on a ticket answers.
            models.Index(fields=["ticket", "-id"], name="inbound_by_ticket"),
        ]

    def get_absolute_url(self) -> str:
        return reverse("messaging:inbound_detail", args=[self.pk])

    @property
    def wants_a_look(self) -> bool:
        """Somebody has to read it and say what it is."""
        is_nobodys = self.reading == self.Reading.MESSAGE and self.customer_id is None
        return self.reviewed_at is None and (is_nobodys or self.reading == self.Reading.UNCLEAR)

    def __str__(self) -> str:
        return f"{self.channel} {self.from_address}: {self.body[:40]}"
