"""Change what staff edit; what is live stays as it was published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from journeys.flows.versions import CannotPublish
from journeys.models import Flow

EDITABLE = ("name", "name_th", "description", "draft")


@transaction.atomic
def edit_flow(flow: Flow, changes: Mapping[str, Any], *, now: datetime) -> Flow:
    """
    Change a flow's name, description or draft; a draft may have faults, publishing asks.

    Args:
        changes: any of `EDITABLE`.

    Raises:
        CannotPublish: the flow is archived.
    """
    stored = Flow.objects.select_for_update().get(pk=flow.pk)
    if stored.state == Flow.State.ARCHIVED:
        raise CannotPublish(_("This flow is archived."))
    for name, value in changes.items():
        if name not in EDITABLE:
            raise TypeError(f"{name!r} is not for editing")
        setattr(stored, name, value)
    stored.updated_at = now
    stored.save(update_fields=[*changes, "updated_at"])
    return stored
