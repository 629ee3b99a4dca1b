"""What messages cost, by the shop's price table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from crm.lib.configuration import remembered
from crm.lib.money import exponent
from crm.lib.phones import country_of
from crm.models import Channel
from messaging.models import Price

MICROS = 1_000_000
_PLACES = 6  # of a currency's unit, in a micro


@dataclass(frozen=True, slots=True)
class Prices:
    """The price table; `current` reads it with one query, and is remembered by batches."""

    micros: Mapping[tuple[str, str], int]
    # Of a number nothing is asked unless its country matters.
    _has_countries: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_has_countries", any(country for _channel, country in self.micros))

    @classmethod
    def current(cls) -> Prices:
        return _current()

    def of(self, channel: str, address: str, segments: int) -> int:
        """
        What one message costs, in millionths of the shop's currency; 0 where the table has no price.

        Args:
            address: for SMS a number in E.164, whose country sets the price.
            segments: counts for SMS only; any other message is one unit.
        """
        if channel != Channel.SMS:
            return self.micros.get((channel, ""), 0)
        return self.per_segment(country_of(address) if self._has_countries else "") * segments

    def per_segment(self, country: str) -> int:
        """The price of one SMS segment to `country`, "" for any."""
        own = self.micros.get((Channel.SMS, country))
        return self.micros.get((Channel.SMS, ""), 0) if own is None else own


def in_money(micros: int, currency: str) -> str:
    """ "0.70 THB"; smaller fractions than the currency's coins only where there are some: "0.0125 THB"."""
    amount = Decimal(micros).scaleb(-_PLACES)
    places = max(exponent(currency), -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{places}f} {currency}"


def about(micros: int, currency: str) -> str:
    """As `in_money`, to the nearest coin: "76.47 THB" for what is a sum or an estimate."""
    coin = 10 ** (_PLACES - exponent(currency))
    return in_money(round(micros / coin) * coin, currency)


@remembered(Price)
def _current() -> Prices:
    rows = Price.objects.values_list("channel", "country", "micros")
    return Prices({(channel, country): micros for channel, country, micros in rows})
