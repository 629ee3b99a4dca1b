"""Consent: a log of evidence, and the state it adds up to. See docs/decisions/003."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.models.customer import Customer


class Channel(models.TextChoices):
    """The ways to reach a person."""

    SMS = "sms", _("SMS")
    EMAIL = "email", _("Email")
    LINE = "line", _("LINE")


class Topic(models.Model):
    """What a message is about. Marketing topics need an opt-in; service topics go unless the person opted out."""

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    is_marketing = models.BooleanField(_("marketing"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("topic"), _("topics")
        ordering = ["is_marketing", "slug"]

    def __str__(self) -> str:
        return self.name


class State(models.TextChoices):
    IN = "in", _("opted in")
    OUT = "out", _("opted out")


class ConsentEvent(models.Model):
    """One piece of evidence. Rows are only ever added."""

    class Via(models.TextChoices):
        FORM = "form", _("form")
        IMPORT = "import", _("import")
        API = "api", _("API")
        KEYWORD = "keyword", _("keyword")
        LINK = "link", _("link")
        STAFF = "staff", _("staff")
        PROVIDER = "provider", _("provider")

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consent_events", verbose_name=_("customer"))
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    topic = models.ForeignKey(Topic, models.PROTECT, related_name="+", verbose_name=_("topic"))
    state = models.CharField(_("state"), max_length=4, choices=State)
    via = models.CharField(_("through"), max_length=16, choices=Via)
    wording = models.TextField(_("wording shown"), blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    ip = models.GenericIPAddressField(_("IP"), null=True, blank=True)
    user_agent = models.CharField(_("browser"), max_length=200, blank=True)
    occurred_at = models.DateTimeField(_("when"))
    recorded_at = models.DateTimeField(_("recorded"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("consent evidence"), _("consent evidence")
        indexes = [models.Index(fields=["customer", "-occurred_at"], name="consent_event_by_customer")]

    def __str__(self) -> str:
        return f"{self.channel}/{self.topic_id} {self.state}"


class Consent(models.Model):
    """Where a customer stands now for one channel and topic: the newest evidence, by when it happened."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consents", verbose_name=_("customer"))
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    topic = models.ForeignKey(Topic, models.PROTECT, related_name="+", verbose_name=_("topic"))
    state = models.CharField(_("state"), max_length=4, choices=State)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name, verbose_name_plural = _("consent"), _("consents")
        constraints = [models.UniqueConstraint(fields=["customer", "channel", "topic"], name="consent_unique")]

    def __str__(self) -> str:
        return f"{self.channel}/{self.topic_id} {self.state}"
