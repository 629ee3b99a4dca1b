"""Writing to one customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.models import Channel, Topic
from messaging.rendering.letters import MAX_SEGMENTS

LONGEST = {Channel.SMS: 153 * MAX_SEGMENTS, Channel.EMAIL: 20_000, Channel.LINE: 5_000}


class ComposeForm(forms.Form):
    """A text for one channel. `once` makes a form that was sent twice one message."""

    subject = forms.CharField(label=_("Subject"), max_length=200)
    body = forms.CharField(label=_("Text"), widget=forms.Textarea(attrs={"rows": 4}))
    topic = forms.ChoiceField(label=_("Topic"))
    once = forms.UUIDField(widget=forms.HiddenInput())

    def __init__(self, *args: Any, channel: str, topics: Sequence[Topic], **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": channel, **kwargs})
        self.initial.setdefault("once", uuid4())
        self.fields["topic"].choices = _topic_choices(topics)  # type: ignore[attr-defined]
        body = self.fields["body"]
        body.widget.attrs |= {"maxlength": LONGEST[Channel(channel)], "data-draft": channel}
        if channel != Channel.EMAIL:
            del self.fields["subject"]


def _topic_choices(topics: Sequence[Topic]) -> list[tuple[str, str]]:
    """Service topics first: what staff write by hand is nearly always service."""
    ordered = sorted(topics, key=lambda topic: (topic.is_marketing, topic.slug != "after_sales", topic.slug))
    return [
        (
            topic.slug,
            _t("%(topic)s (needs a yes)") % {"topic": _t(topic.name)} if topic.is_marketing else _t(topic.name),
        )
        for topic in ordered
    ]
