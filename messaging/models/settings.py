"""The shop's rules for sending: one row of settings, quiet hours, frequency caps."""

from __future__ import annotations

import copy

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from crm.models import Channel

# Read where replies can come in. A text that is one of these, whatever its case and punctuation, is an opt-out.
STOP_WORDS = [
    "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "opt out", "revoke",
    "หยุด", "ยกเลิก", "เลิกรับ", "ไม่รับ", "หยุดส่ง", "ยกเลิกรับ", "เลิกส่ง",
]  # fmt: skip
# So is a text that has one of these phrases in it.
STOP_PHRASES = [
    "stop texting", "stop messaging", "stop sending", "stop contacting", "stop all", "please stop",
    "unsubscribe me", "opt me out", "remove me", "do not text", "don't text", "do not contact", "no more messages",
    "no more texts", "หยุดส่งข้อความ", "เลิกส่งข้อความ", "ไม่ต้องส่งมา", "ไม่รับข่าวสาร", "ยกเลิกรับข่าวสาร",
]  # fmt: skip
START_WORDS = ["start", "unstop", "yes", "subscribe", "เริ่ม", "รับข่าวสาร", "สมัคร"]
HELP_WORDS = ["help", "info", "ช่วยเหลือ", "ช่วยด้วย"]
REPLIES = {
    "stop": {
        "en": "{{ shop.name }}: you will get no more messages from us here. Reply START to change your mind.",
        "th": "{{ shop.name }}: เราจะไม่ส่งข้อความถึงคุณที่นี่อีก ตอบ START หากเปลี่ยนใจ",
    },
    "start": {
        "en": "{{ shop.name }}: welcome back. Reply STOP at any time to stop our messages.",
        "th": "{{ shop.name }}: ยินดีต้อนรับกลับ ตอบ STOP หรือ หยุด ได้ทุกเมื่อเพื่อเลิกรับข้อความ",
    },
    "help": {
        "en": "{{ shop.name }}: reply with your question and we will answer. Reply STOP to stop our messages.",
        "th": "{{ shop.name }}: ตอบข้อความนี้เพื่อสอบถามเรา ตอบ STOP หรือ หยุด เพื่อเลิกรับข้อความ",
    },
}

KEEPING = (MinValueValidator(1), MaxValueValidator(3650))


# Migrations write a default down by its name, so each needs a function.
def default_stop_words() -> list[str]:
    return list(STOP_WORDS)


def default_stop_phrases() -> list[str]:
    return list(STOP_PHRASES)


def default_start_words() -> list[str]:
    return list(START_WORDS)


def default_help_words() -> list[str]:
    return list(HELP_WORDS)


def default_replies() -> dict[str, dict[str, str]]:
    return copy.deepcopy(REPLIES)


class MessagingSettings(models.Model):
    """Exactly one row, made by a migration; `MessagingSettings.current()` reads it."""

    sending_on = models.BooleanField(
        _("sending"), default=True, help_text=_("Off stops every channel within seconds; messages stay queued.")
    )
    pause_on_complaint = models.BooleanField(_("no promotions while a complaint is open"), default=True)
    stop_words = models.JSONField(_("words that opt out"), default=default_stop_words, blank=True)
    stop_phrases = models.JSONField(_("phrases that opt out"), default=default_stop_phrases, blank=True)
    start_words = models.JSONField(_("words that opt in again"), default=default_start_words, blank=True)
    help_words = models.JSONField(_("words that ask for help"), default=default_help_words, blank=True)
    replies = models.JSONField(_("answers to these words"), default=default_replies, blank=True)
    link_domain = models.CharField(
        _("short links begin with"), max_length=100, blank=True, validators=[URLValidator(["https", "http"])]
    )
    registered_domains = models.JSONField(_("registered domains"), default=list, blank=True)
    shorten_email = models.BooleanField(_("short links in emails"), default=False)
    # For how many days what is kept (services.retention).
    keep_calls_days = models.PositiveSmallIntegerField(
        _("what providers told us, as it came"), default=30, validators=KEEPING
    )
    keep_attempts_days = models.PositiveSmallIntegerField(_("attempts to send"), default=90, validators=KEEPING)
    keep_texts_days = models.PositiveSmallIntegerField(_("texts of messages"), default=365, validators=KEEPING)
    keep_links_days = models.PositiveSmallIntegerField(_("short links"), default=400, validators=KEEPING)
    keep_networks_days = models.PositiveSmallIntegerField(_("networks of clicks"), default=30, validators=KEEPING)

    class Meta:
        verbose_name = verbose_name_plural = _("messaging settings")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    def clean(self) -> None:
        for name in ("stop_words", "stop_phrases", "start_words", "help_words", "registered_domains"):
            value = getattr(self, name)
            if not isinstance(value, list) or not all(isinstance(word, str) and word.strip() for word in value):
                raise ValidationError({name: _("A list of words.")})

    @classmethod
    def current(cls) -> MessagingSettings:
        """The one row."""
        return cls.objects.get_or_create(pk=1)[0]


class QuietHours(models.Model):
    """When not to send on a channel, by the customer's own clock."""

    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    country = models.CharField(
        _("country"), max_length=2, blank=True, help_text=_("ISO code; empty for all countries without their own")
    )
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("until"))
    marketing_only = models.BooleanField(_("marketing only"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("quiet hours"), _("quiet hours")
        ordering = ["channel", "country"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "country"], name="quiet_hours_unique"),
            models.CheckConstraint(
                condition=~models.Q(starts=models.F("ends")),
                name="quiet_hours_have_a_length",
                violation_error_message=_("From and until are the same."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.country or '*'} {self.starts:%H:%M}–{self.ends:%H:%M}"


class FrequencyCap(models.Model):
    """At most so many marketing messages to one customer, over all channels, a day or a week of their calendar."""

    class Per(models.TextChoices):
        DAY = "day", _("day")
        WEEK = "week", _("week")

    per = models.CharField(_("per"), max_length=4, choices=Per, unique=True)
    limit = models.PositiveSmallIntegerField(_("messages"), validators=[MinValueValidator(1)])

    class Meta:
        verbose_name, verbose_name_plural = _("frequency cap"), _("frequency caps")
        ordering = ["per"]

    def __str__(self) -> str:
        return f"{self.limit} / {self.get_per_display()}"
