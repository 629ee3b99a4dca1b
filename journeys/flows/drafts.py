"""Change what staff edit; what is live stays as it was published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from journeys.flows import history
from journeys.flows.versions import CannotPublish
from journeys.models import Flow

EDITABLE = frozenset({"name", "name_th", "description", "draft"})


@transaction.atomic
def edit_flow(flow: Flow, changes: Mapping[str, Any], *, now: datetime) -> Flow:
    """
    Change a flow's name, description or draft; a draft may have faults, publishing asks.

    A new draft is one edit among those that the builder's undo takes back.

    Args:
        changes: any of `EDITABLE`.

    Raises:
        CannotPublish: the flow is archived.
    """
    if odd := changes.keys() - EDITABLE:
        raise TypeError(f"{sorted(odd)} are not for editing")
    stored = Flow.objects.select_for_update().get(pk=flow.pk)
    if stored.state == Flow.State.ARCHIVED:
        raise CannotPublish(_("This flow is archived."))
    if "draft" in changes:
        stored = history.edit(stored, lambda _draft: changes["draft"], now=now)
    names = [name for name in changes if name != "draft"]
    for name in names:
        setattr(stored, name, changes[name])
    stored.updated_at = now
    stored.save(update_fields=[*names, "updated_at"])
    return stored
