"""Customers: one row per person the shop knows, and the ids it knows them by."""

from __future__ import annotations

import copy
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from phonenumber_field.modelfields import PhoneNumberField
from simple_history.models import HistoricalRecords

from crm.events.types import EventDraft
from crm.lib.ids import uuid7
from crm.models.factual import Factual

if TYPE_CHECKING:
    from crm.models.user import User


class Company(models.Model):
    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200)
    external_id = models.CharField(_("outside id"), max_length=200, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("company"), _("companies")
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"], name="company_external_unique", condition=~models.Q(external_id="")
            )
        ]

    def __str__(self) -> str:
        return self.name or self.external_id


class Tag(models.Model):
    name = models.CharField(_("name"), max_length=64, unique=True)

    class Meta:
        verbose_name, verbose_name_plural = _("tag"), _("tags")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CustomerQuerySet(models.QuerySet["Customer"]):
    def visible_to(self, user: User) -> CustomerQuerySet:
        """The customers `user` may know of, by role and the shop's setting. Merged-away rows are nobody's."""
        found = self.filter(merged_into=None)
        if user.sees_only_own:
            found = found.filter(models.Q(owner=user) | models.Q(owner=None))
        return found

    def known(self) -> CustomerQuerySet:
        """People, not yet nameless visitors of the storefront."""
        return self.filter(is_visitor=False, merged_into=None)

    def matching(self, text: str) -> CustomerQuerySet:
        """Customers whose name, email, phone, LINE or outside id contains every word of `text`."""
        found = self
        for word in text.lower().split():
            digits = word.lstrip("+").replace("-", "")
            if digits.isdigit() and len(digits) > 1 and digits.startswith("0"):
                # A local number as people write it: 081… is stored as +6681….
                found = found.filter(models.Q(search_text__contains=word) | models.Q(search_text__contains=digits[1:]))
            else:
                found = found.filter(search_text__contains=digits if digits.isdigit() else word)
        return found


class Customer(Factual, models.Model):
    """
    A person. Anonymous storefront visitors are rows too (`is_visitor`) until something names them.

    `email`, `phone` and `line_id` are the primary addresses; every id, these included, is an Identity row.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("email"), blank=True)
    phone = PhoneNumberField(_("phone"), blank=True)
    line_id = models.CharField(_("LINE id"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="customers",
        verbose_name=_("owner"),
    )  # fmt: skip
    company = models.ForeignKey(
        Company, models.SET_NULL, null=True, blank=True, related_name="people", verbose_name=_("company")
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="customers", verbose_name=_("tags"))
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    source = models.CharField(_("first source"), max_length=64, blank=True)
    is_visitor = models.BooleanField(_("nameless visitor"), default=False)
    created_at = models.DateTimeField(_("known since"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged", editable=False
    )
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    search_text = models.TextField(blank=True, editable=False)

    # When what a save changes came about, said by who knows; else it is the moment of the save.
    changed_at: datetime | None = None
    # What attributes and birthday were when the row was read or saved last.
    _words: dict[str, Any] | None = None

    history = HistoricalRecords(excluded_fields=["search_text", "last_seen_at"])
    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("customer"), _("customers")
        indexes = [
            # The customers page, newest sign of life first, and newest first.
            models.Index(fields=["-last_seen_at", "-id"], name="customer_by_last_seen"),
            models.Index(fields=["-created_at", "-id"], name="customer_by_created"),
            models.Index(fields=["name", "id"], name="customer_by_name"),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """The name, else the best address, else "Visitor"."""
        return self.name or self.email or str(self.phone or "") or self.line_id or str(_("Visitor"))

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else ""

    def get_absolute_url(self) -> str:
        return reverse("crm:customer_detail", args=[self.public_id])

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Customer:
        customer = super().from_db(db, field_names, values, **kwargs)
        customer._keep_words()
        return customer

    def save(self, *args: object, **kwargs: object) -> None:
        self.search_text = search_text(self)
        super().save(*args, **kwargs)  # type: ignore[arg-type]
        self._keep_words()

    def changed_attributes(self) -> list[str]:
        """
        Names of attributes, and "birthday", that differ from when the row was read or saved.

        None for a record that had said nothing yet: its first words change nothing that somebody could have relied on.
        None for one that is erased: it is not to say what there was.
        """
        if not self._words or self.erased_at:
            return []
        now = self._words_now()
        return sorted(name for name in now.keys() | self._words.keys() if now.get(name) != self._words.get(name))

    def _keep_words(self) -> None:
        # Of a row read in part nothing is known, and nothing is asked.
        whole = "attributes" in self.__dict__ and "birthday" in self.__dict__
        self._words = {name: _apart(value) for name, value in self._words_now().items()} if whole else None

    def _words_now(self) -> dict[str, Any]:
        return {**self.attributes, **({"birthday": self.birthday} if self.birthday else {})}

    def facts(self) -> list[EventDraft]:
        """The fact this row stands for: somebody became known. A visitor without a name is not known yet."""
        if self.is_visitor:
            return []
        return [
            EventDraft(
                name="Customer Created",
                customer_id=self.pk,
                occurred_at=self.created_at,
                dedupe_key=f"customer:{self.public_id}:created",
                properties={"source": self.source},
                object_type="customer",
                object_id=self.pk,
            )
        ]


def _apart(value: Any) -> Any:
    """The value, out of reach of whoever changes the row's own; most are plain, and a copy of each row read is dear."""
    return copy.deepcopy(value) if isinstance(value, dict | list) else value


def search_text(customer: Customer) -> str:
    """What the search box looks through, lower case."""
    parts = (customer.name, customer.email, str(customer.phone or ""), customer.line_id)
    return " ".join(part for part in parts if part).lower()


class Identity(models.Model):
    """
    One id by which outside systems know a customer.

    `source` is the storefront's slug for outside and anonymous ids, and "" for addresses: these are the same for all.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", _("email")
        PHONE = "phone", _("phone")
        LINE = "line", _("LINE")
        EXTERNAL = "external", _("outside id")
        ANONYMOUS = "anonymous", _("browser")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="identities", verbose_name=_("customer"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    source = models.CharField(_("source"), max_length=64, blank=True)
    value = models.CharField(_("value"), max_length=254)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("identity"), _("identities")
        constraints = [models.UniqueConstraint(fields=["kind", "value", "source"], name="identity_unique")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.source}:{self.value}" if self.source else f"{self.kind}:{self.value}"


class CustomerMerge(models.Model):
    """A ledger line: `loser` became part of `survivor`; `moved` says which rows moved, {model: [ids]}."""

    survivor = models.ForeignKey(Customer, models.CASCADE, related_name="merges_won")
    loser = models.ForeignKey(Customer, models.CASCADE, related_name="merges_lost")
    reason = models.CharField(max_length=200)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    moved = models.JSONField(default=dict)
    merged_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = _("merge"), _("merges")

    def __str__(self) -> str:
        return f"{self.loser_id} → {self.survivor_id}"
