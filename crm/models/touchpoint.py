"""Touchpoints: the places where people first meet the shop, their short links and visits."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.events.types import EventDraft
from crm.lib.ids import uuid7
from crm.models.customer import Customer
from crm.models.factual import Factual

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no characters people mistake on a poster


def short_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(7))


class Touchpoint(models.Model):
    class Kind(models.TextChoices):
        SOCIAL_POST = "social_post", _("social post")
        AD = "ad", _("advert")
        TV = "tv", _("television")
        BILLBOARD = "billboard", _("billboard")
        FLYER = "flyer", _("flyer")
        NEWSLETTER = "newsletter", _("newsletter")
        OTHER = "other", _("other")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=100)
    code = models.SlugField(_("short code"), max_length=32, unique=True, default=short_code)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.SOCIAL_POST)
    place = models.CharField(_("place"), max_length=100, blank=True)
    campaign = models.CharField(_("campaign (utm_campaign)"), max_length=100, blank=True)
    url = models.URLField(_("landing page"), max_length=500)
    cost_minor = models.BigIntegerField(_("cost (minor units)"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("touchpoint"), _("touchpoints")

    def __str__(self) -> str:
        return self.name

    @property
    def short_url(self) -> str:
        return f"{settings.SITE_URL}/t/{self.code}"


class TouchpointVisit(Factual, models.Model):
    """Somebody followed a short link. `visitor` is the id in our first-party cookie."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    touchpoint = models.ForeignKey(Touchpoint, models.CASCADE, related_name="visits", verbose_name=_("touchpoint"))
    customer = models.ForeignKey(
        Customer, models.SET_NULL, null=True, blank=True, related_name="touchpoint_visits", verbose_name=_("customer")
    )
    visitor = models.CharField(_("visitor"), max_length=64, blank=True)
    referrer = models.CharField(_("came from"), max_length=500, blank=True)
    user_agent = models.CharField(_("browser"), max_length=200, blank=True)
    is_bot = models.BooleanField(_("robot"), default=False)
    visited_at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("visit"), _("visits")
        indexes = [
            models.Index(fields=["touchpoint", "-visited_at"], name="visit_by_touchpoint"),
            models.Index(fields=["visitor"], name="visit_by_visitor", condition=models.Q(customer=None)),
        ]

    def __str__(self) -> str:
        return f"{self.touchpoint_id} {self.visited_at:%F %R}"

    def facts(self) -> list[EventDraft]:
        """A visit of somebody we know; a robot's is none."""
        if self.customer_id is None or self.is_bot:
            return []
        return [
            EventDraft(
                name="Touchpoint Visited",
                customer_id=self.customer_id,
                occurred_at=self.visited_at,
                dedupe_key=f"visit:{self.public_id}",
                properties={
                    "touchpoint": self.touchpoint.code,
                    "name": self.touchpoint.name,
                    "kind": self.touchpoint.kind,
                    "campaign": self.touchpoint.campaign,
                },
                object_type="touchpoint",
                object_id=self.touchpoint_id,
            )
        ]
