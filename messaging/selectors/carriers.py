"""Who carries a channel's messages now, and how large they may be."""

from __future__ import annotations

from dataclasses import dataclass

from crm.lib.vault import CannotUnseal
from messaging.channels import registry
from messaging.models import ChannelSettings


@dataclass(frozen=True, slots=True)
class Carrier:
    """A provider by its short name, and how many bytes a letter may have."""

    name: str
    largest: int


def carrier_of(channel: str) -> Carrier | None:
    """The carrier of `channel` as it is set now; None when there is none that can be asked."""
    row = ChannelSettings.objects.filter(channel=channel).first()
    if row is None:
        return None
    try:
        return Carrier(row.provider, registry.provider(row.provider, row.config).traits.largest)
    except (registry.UnknownProvider, CannotUnseal):
        return None
