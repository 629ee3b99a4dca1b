"""What drafts said before and after each edit: the stack that undo and redo walk."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from journeys.models.flow import Flow


class DraftEdit(models.Model):
    """A draft as it stood after an edit. `number` counts up; `is_current` marks where in the stack the draft is now."""

    flow = models.ForeignKey(Flow, models.CASCADE, related_name="edits", db_index=False, verbose_name=_("flow"))
    number = models.PositiveIntegerField(_("number"))
    definition = models.JSONField(_("definition"))
    is_current = models.BooleanField(_("current"), default=False)
    edited_at = models.DateTimeField(_("edited"))

    class Meta:
        verbose_name, verbose_name_plural = _("edit of a draft"), _("edits of drafts")
        ordering = ["flow", "number"]
        constraints = [
            models.UniqueConstraint(fields=["flow", "number"], name="draft_edit_once"),
            models.UniqueConstraint(
                fields=["flow"], name="draft_edit_one_current", condition=models.Q(is_current=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flow} #{self.number}"
