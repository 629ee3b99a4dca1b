"""Who carries a channel's messages now, and how large they may be."""

from __future__ import annotations

from dataclasses import dataclass

from crm.lib.vault import CannotUnseal
from messaging.channels import registry
from messaging.models import ChannelSettings


@dataclass(frozen=True, slots=True)
class Carrier:
    """A provider by its short name, and how many bytes a letter may have; "" and 0 when nobody can be asked."""

    name: str = ""
    largest: int = 0


def carrier_of(channel: str) -> Carrier:
    """The carrier of `channel` as it is set now."""
    row = ChannelSettings.objects.filter(channel=channel).first()
    if row is None:
        return Carrier()
    try:
        return Carrier(row.provider, registry.provider(row.provider, row.config).traits.largest)
    except (registry.UnknownProvider, CannotUnseal):
        return Carrier()
