"""The sandbox phone: what would have arrived on people's phones and in their mailboxes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Channel


class SandboxText(models.Model):
    """One text on the phone of `address`: from us (`key` is the message's), or what its owner wrote to us."""

    address = models.CharField(_("address"), max_length=254)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    is_from_us = models.BooleanField(_("from us"))
    key = models.CharField(_("message key"), max_length=32, unique=True)
    sender = models.CharField(_("sender"), max_length=100, blank=True)
    subject = models.CharField(_("subject"), max_length=998, blank=True)
    body = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)
    # What came along: {"name", "type", "size" in bytes, "path" of its address, "shown": as a picture}.
    files = models.JSONField(_("files"), default=list, blank=True)
    news = models.CharField(_("last receipt"), max_length=16, blank=True)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name, verbose_name_plural = _("sandbox text"), _("sandbox texts")
        indexes = [
            # The phone's list of conversations, and one conversation.
            models.Index(fields=["address", "-id"], name="sandbox_by_address"),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.body[:40]}"
