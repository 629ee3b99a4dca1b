"""Templates: what a message says, by channel and language, in versions that never change once published."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.lib.ids import uuid7
from crm.models import Channel
from messaging.models.channel import no_line_breaks


class Template(models.Model):
    """A text with a name. The same slug may exist for several channels: a flow names it once and falls back."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    slug = models.SlugField(_("slug"), max_length=64)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    name = models.CharField(_("name"), max_length=100)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("template"), _("templates")
        ordering = ["slug", "channel"]
        constraints = [models.UniqueConstraint(fields=["slug", "channel"], name="template_unique")]

    def __str__(self) -> str:
        return f"{self.slug} ({self.channel})"

    def get_absolute_url(self) -> str:
        return reverse("messaging:template_detail", args=[self.public_id])

    @property
    def live_version(self) -> TemplateVersion | None:
        """What is sent now: the newest published version."""
        return self.versions.published().order_by("-number").first()


class TemplateVersionQuerySet(models.QuerySet["TemplateVersion"]):
    def published(self) -> TemplateVersionQuerySet:
        return self.filter(published_at__isnull=False)


class TemplateVersion(models.Model):
    """One state of a template. A published one is never edited: a change is the next version."""

    template = models.ForeignKey(
        Template, models.CASCADE, related_name="versions", db_index=False, verbose_name=_("template")
    )
    number = models.PositiveIntegerField(_("version"))
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    objects = TemplateVersionQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("template version"), _("template versions")
        ordering = ["template", "-number"]
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_version_unique")]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"


class TemplateVariant(models.Model):
    """A version in one language. `html` is for email; without it the HTML part is made from `body`."""

    version = models.ForeignKey(
        TemplateVersion, models.CASCADE, related_name="variants", db_index=False, verbose_name=_("version")
    )
    language = models.CharField(_("language"), max_length=8)
    subject = models.CharField(_("subject"), max_length=200, blank=True, validators=[no_line_breaks])
    body = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    mjml = models.TextField(_("MJML"), blank=True)
    # What leaves, where that is not what was written: with partials put in as they were when the version was published,
    # and MJML compiled. Still Liquid.
    frozen_body = models.TextField(blank=True, editable=False)
    frozen_html = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("language variant"), _("language variants")
        ordering = ["version", "language"]
        constraints = [models.UniqueConstraint(fields=["version", "language"], name="template_variant_unique")]

    def __str__(self) -> str:
        return f"{self.version} {self.language}"

    @property
    def final_body(self) -> str:
        """The Liquid of the text that leaves."""
        return self.frozen_body or self.body

    @property
    def final_html(self) -> str:
        """The Liquid of the HTML that leaves; "" when it is to be made from the text."""
        return self.frozen_html or self.html


class TemplatePartial(models.Model):
    """
    A piece that templates share, in one language: `{% render "footer" %}`.

    Published versions keep the piece as it was when they were published; a change is for what is published next.
    """

    slug = models.SlugField(_("slug"), max_length=64)
    language = models.CharField(_("language"), max_length=8)
    text = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("shared piece"), _("shared pieces")
        ordering = ["slug", "language"]
        constraints = [models.UniqueConstraint(fields=["slug", "language"], name="template_partial_unique")]

    def __str__(self) -> str:
        return f"{self.slug} {self.language}"
