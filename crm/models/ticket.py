"""Tickets: enquiries before the sale, after-sales help behind it, and their conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from crm.events.types import EventDraft
from crm.lib import uploads
from crm.lib.ids import uuid7
from crm.models.customer import Customer
from crm.models.factual import Factual
from crm.models.product import Product
from crm.models.purchase import Purchase

if TYPE_CHECKING:
    from crm.models.user import User


class TicketQuerySet(models.QuerySet["Ticket"]):
    def visible_to(self, user: User) -> TicketQuerySet:
        return self.filter(customer__in=Customer.objects.visible_to(user).values("pk"))

    def unsolved(self) -> TicketQuerySet:
        return self.filter(status__in=Ticket.UNSOLVED)

    def waiting_for_us(self) -> TicketQuerySet:
        """The customer spoke last."""
        return self.filter(status__in=[Ticket.Status.NEW, Ticket.Status.OPEN])


class Ticket(Factual, models.Model):
    class Kind(models.TextChoices):
        ENQUIRY = "enquiry", _("enquiry")
        AFTER_SALES = "after_sales", _("after-sales")

    class Status(models.TextChoices):
        NEW = "new", _("new")
        OPEN = "open", _("open")
        PENDING = "pending", _("waiting for the customer")
        RESOLVED = "resolved", _("resolved")
        CLOSED = "closed", _("closed")

    class Priority(models.TextChoices):
        LOW = "low", _("low")
        NORMAL = "normal", _("normal")
        HIGH = "high", _("high")
        URGENT = "urgent", _("urgent")

    UNSOLVED = (Status.NEW, Status.OPEN, Status.PENDING)

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="tickets", verbose_name=_("customer"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.ENQUIRY)
    subject = models.CharField(_("subject"), max_length=200)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.NEW)
    priority = models.CharField(_("priority"), max_length=8, choices=Priority, default=Priority.NORMAL)
    channel = models.CharField(_("channel"), max_length=16, blank=True)
    is_complaint = models.BooleanField(_("complaint"), default=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="tickets",
        verbose_name=_("assignee"),
    )  # fmt: skip
    purchase = models.ForeignKey(
        Purchase, models.SET_NULL, null=True, blank=True, related_name="tickets", verbose_name=_("purchase")
    )
    product = models.ForeignKey(
        Product, models.SET_NULL, null=True, blank=True, related_name="tickets", verbose_name=_("product")
    )
    source = models.CharField(_("source"), max_length=64, default="staff")
    opened_at = models.DateTimeField(_("opened"), default=timezone.now)
    last_message_at = models.DateTimeField(_("last message"), default=timezone.now)
    first_replied_at = models.DateTimeField(_("first reply"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    history = HistoricalRecords()
    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("ticket"), _("tickets")
        indexes = [
            models.Index(fields=["status", "-last_message_at"], name="ticket_inbox"),
            models.Index(fields=["customer", "-opened_at"], name="ticket_by_customer"),
        ]

    def __str__(self) -> str:
        return self.subject

    def get_absolute_url(self) -> str:
        return reverse("crm:ticket_detail", args=[self.public_id])

    @property
    def number(self) -> str:
        """What staff call it: T- and the last six characters of its public id."""
        return f"T-{self.public_id.hex[-6:].upper()}"

    @property
    def is_unsolved(self) -> bool:
        return self.status in self.UNSOLVED

    def facts(self) -> list[EventDraft]:
        """
        Opened, resolved and closed; each resolution is its own fact, since a ticket may be reopened.

        `cause` names the flow that opened it, when the customer did not.
        """
        opened = "Enquiry Opened" if self.kind == self.Kind.ENQUIRY else "Ticket Opened"
        cause = {"cause": self.source} if self.source.startswith("flow:") else {}
        dated = ((opened, self.opened_at), ("Ticket Resolved", self.resolved_at), ("Ticket Closed", self.closed_at))
        return [
            EventDraft(
                name=name,
                customer_id=self.customer_id,
                occurred_at=at,
                dedupe_key=f"ticket:{self.public_id}:opened"
                if name == opened
                else f"ticket:{self.public_id}:{name}:{at.isoformat()}",
                properties={
                    "ticket": self.number, "kind": self.kind, "subject": self.subject, "channel": self.channel,
                    "complaint": self.is_complaint, **cause,
                },
                object_type="ticket",
                object_id=self.pk,
            )
            for name, at in dated
            if at
        ]  # fmt: skip


class TicketMessage(Factual, models.Model):
    """One turn of the conversation. An internal note is never sent."""

    class Author(models.TextChoices):
        CUSTOMER = "customer", _("customer")
        STAFF = "staff", _("staff")
        NOTE = "note", _("internal note")

    class Gone(models.TextChoices):
        """Why its words and files are not there any more."""

        TAKEN_BACK = "taken_back", _("taken back by the customer")
        AGED = "aged", _("forgotten with age")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="messages", verbose_name=_("ticket"))
    author = models.CharField(_("author"), max_length=16, choices=Author)
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("staff")
    )
    channel = models.CharField(_("channel"), max_length=16, blank=True)
    # Who wrote, when it was not the customer but somebody who has a letter of theirs.
    sender = models.CharField(_("written by"), max_length=254, blank=True)
    body = models.TextField(_("text"), blank=True)
    # The older words that a letter brings along below the new ones.
    quoted = models.TextField(_("quoted text"), blank=True)
    gone = models.CharField(_("text gone"), max_length=16, choices=Gone, blank=True)
    created_at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("ticket message"), _("ticket messages")
        ordering = ["created_at", "id"]
        indexes = [
            # services.aging: what has served its time.
            models.Index(fields=["created_at"], name="turn_to_age", condition=models.Q(gone="")),
        ]

    def __str__(self) -> str:
        return f"{self.author}: {self.body[:40]}"

    def facts(self) -> list[EventDraft]:
        """What the customer wrote and what we answered; internal notes stay on the ticket."""
        names = {self.Author.CUSTOMER: "Ticket Message Received", self.Author.STAFF: "Ticket Replied"}
        name = names.get(self.Author(self.author))
        if name is None:
            return []
        return [
            EventDraft(
                name=name,
                customer_id=self.ticket.customer_id,
                occurred_at=self.created_at,
                dedupe_key=f"ticket-message:{self.public_id}",
                properties={
                    "ticket": self.ticket.number,
                    "message": str(self.public_id),
                    "channel": self.channel,
                    "text": self.body[:500],
                },
                object_type="ticket",
                object_id=self.ticket_id,
            )
        ]


def place_of(attachment: TicketAttachment, name: str) -> str:
    """By month, under a name of ours: the sender's goes nowhere near the disk."""
    return f"attachments/{attachment.message.created_at:%Y/%m}/{attachment.public_id.hex}"


class TicketAttachment(models.Model):
    """
    A file that came with a turn. One that was not kept is named with the reason and has no `file`; one that is still to
    be fetched has neither.
    """

    class Refusal(models.TextChoices):
        TOO_LARGE = uploads.Refusal.TOO_LARGE.value, _("larger than 10 MB")
        TOO_MUCH = uploads.Refusal.TOO_MUCH.value, _("more than 25 MB in one letter")
        TOO_MANY = uploads.Refusal.TOO_MANY.value, _("more than 20 files in one letter")
        EMPTY = uploads.Refusal.EMPTY.value, _("empty")
        KIND = uploads.Refusal.KIND.value, _("a kind of file that is not kept")
        LOST = "lost", _("it could not be fetched")
        AGED = "aged", _("forgotten with age")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    message = models.ForeignKey(
        TicketMessage, models.CASCADE, related_name="attachments", verbose_name=_("ticket message")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    name = models.CharField(_("name"), max_length=200)
    content_type = models.CharField(_("type"), max_length=100, blank=True)
    size = models.PositiveBigIntegerField(_("bytes"))
    file = models.FileField(_("file"), upload_to=place_of, max_length=200, blank=True)
    refusal = models.CharField(_("not kept"), max_length=16, choices=Refusal, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("ticket attachment"), _("ticket attachments")
        ordering = ["message", "position"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_awaited(self) -> bool:
        return not self.file and not self.refusal

    @property
    def state(self) -> str:
        """ "kept", "awaited" or "refused"."""
        return "refused" if self.refusal else "kept" if self.file else "awaited"

    def get_absolute_url(self) -> str:
        return reverse("crm:ticket_file", args=[self.public_id])

    def get_api_url(self) -> str:
        return reverse("api:ticket_attachment", args=[self.message.ticket.public_id, self.public_id])
