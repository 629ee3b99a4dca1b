"""What a customer told staff about being written to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.models import Channel, State, Topic


class ConsentForm(forms.Form):
    """A yes needs its evidence; for a no it is enough that it was said."""

    channel = forms.ChoiceField(label=_("Channel"))
    topic = forms.ChoiceField(label=_("Topic"))
    state = forms.ChoiceField(
        label=_("What did they say?"), choices=[(State.IN, _("yes")), (State.OUT, _("no"))], widget=forms.RadioSelect
    )
    source = forms.CharField(
        label=_("Where and how?"), max_length=200, required=False,
        help_text=_("As in: on the phone, paper form at the counter no. 17. Needed for a yes."),
    )  # fmt: skip
    wording = forms.CharField(
        label=_("What were they asked, word for word?"), max_length=2000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}), help_text=_("Needed for a yes: without it nobody can prove one."),
    )  # fmt: skip

    def __init__(self, *args: Any, channels: Sequence[Channel], topics: Sequence[Topic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].choices = [(channel.value, channel.label) for channel in channels]  # type: ignore[attr-defined]
        self.fields["topic"].choices = [(topic.slug, topic.name) for topic in reversed(topics)]  # type: ignore[attr-defined]
