"""Who speaks of a segment, so that it is not taken away under the feet of a broadcast that counts on it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from crm.extensions import Use
from crm.rules.leaves.segments import segments_named
from messaging.models import Broadcast


def uses_of_segment(slug: str) -> list[Use]:
    """The broadcasts that are not over and whose audience speaks of the segment."""
    return [
        Use(_("broadcast"), broadcast.name, broadcast.get_absolute_url())
        for broadcast in Broadcast.objects.exclude(state__in=Broadcast.OVER).order_by("name", "pk")
        if slug in {named for _path, named in segments_named(broadcast.rule)}
    ]
