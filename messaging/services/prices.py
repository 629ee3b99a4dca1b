"""The shop's price table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from crm.models import Channel
from messaging.models import Price

# An example, so that the pages have something to count with: no provider's offer, to be replaced by the shop's own.
THAI_EXAMPLE: Final[Mapping[tuple[str, str], int]] = {
    (Channel.SMS, "TH"): 350_000,
    (Channel.SMS, ""): 2_500_000,
    (Channel.LINE, ""): 100_000,
    (Channel.EMAIL, ""): 10_000,
}


def add_example() -> int:
    """Add those example prices, in baht, that the table has no price for; return how many."""
    known = set(Price.objects.values_list("channel", "country"))
    rows = [
        Price(channel=channel, country=country, micros=micros)
        for (channel, country), micros in THAI_EXAMPLE.items()
        if (channel, country) not in known
    ]
    return len(Price.objects.bulk_create(rows))
