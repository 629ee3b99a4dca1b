"""How programs get in: sources with write keys, API keys, and what they sent that we could not take."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def new_write_key() -> str:
    return f"wk_{secrets.token_urlsafe(24)}"


class Source(models.Model):
    """A storefront that reports what customers do. Its slug is the `source` of its records."""

    class Kind(models.TextChoices):
        SEGMENT = "segment", _("Segment library")
        WOOCOMMERCE = "woocommerce", "WooCommerce"
        SHOPIFY = "shopify", "Shopify"

    class Mode(models.TextChoices):
        LENIENT = "lenient", _("lenient: always answers 200")
        STRICT = "strict", _("strict: answers 401 to an unknown key")

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.SEGMENT)
    write_key = models.CharField(_("write key"), max_length=64, unique=True, default=new_write_key)
    mode = models.CharField(_("mode"), max_length=8, choices=Mode, default=Mode.LENIENT)
    allowed_origins = models.JSONField(_("allowed origins"), default=list, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    last_event_at = models.DateTimeField(_("last heard of"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("source"), _("sources")

    def __str__(self) -> str:
        return self.name


class RejectedEvent(models.Model):
    """Something a source sent that we could not take: kept, shown, and replayable."""

    source = models.CharField(_("source"), max_length=64, blank=True)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    code = models.CharField(_("code"), max_length=64)
    message = models.CharField(_("reason"), max_length=500)
    payload = models.JSONField(_("what was sent"), default=dict)
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("rejected event"), _("rejected events")
        indexes = [models.Index(fields=["-received_at"], name="rejected_by_received")]

    def __str__(self) -> str:
        return f"{self.code}: {self.message[:60]}"


class ApiKey(models.Model):
    """A program's key: shown once, kept as a prefix and a SHA-256."""

    PREFIX = "wm_live_"

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=16, editable=False)
    hashed = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    source = models.SlugField(_("writes as source"), max_length=64, default="api")
    allowed_ips = models.JSONField(_("allowed IPs"), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("API key"), _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def new_secret(cls) -> str:
        return cls.PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def digest(secret: str) -> str:
        # The secret is 256 random bits, so a plain hash is enough: there is nothing to guess slowly.
        return hashlib.sha256(secret.encode()).hexdigest()

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class IdempotencyRecord(models.Model):
    """The answer once given under an Idempotency-Key; kept 48 hours."""

    owner = models.CharField(max_length=64)  # "key:3" or "user:7"
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)  # null while the first call is still at work
    body = models.BinaryField(default=b"")
    content_type = models.CharField(max_length=100, default="application/json")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name, verbose_name_plural = _("idempotency record"), _("idempotency records")
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return self.key
