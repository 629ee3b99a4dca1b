"""Money: `Decimal` and an ISO 4217 code at the edges, whole minor units in storage."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# ISO 4217 table A.1: the currencies whose minor unit is not a hundredth.
_NO_PLACES = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV")
_THREE_PLACES = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_EXPONENTS = {**dict.fromkeys((*_NO_PLACES, "XAF", "XOF", "XPF"), 0), **dict.fromkeys(_THREE_PLACES, 3)}
_LARGEST = 10**15  # minor units; well inside a 64-bit column even when summed


class InvalidMoney(ValueError):
    """The text is no amount of that currency; the message says why."""


def exponent(currency: str) -> int:
    """Decimal places of `currency`: 2 for THB, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount. `minor` counts the smallest unit, so 1999 for 19.99 EUR."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | str | int | float, currency: str) -> Money:
        """
        Read an amount as storefronts write it; more places than the currency has are rounded half-even.

        Raises:
            InvalidMoney: not a finite number, too large, or `currency` is not three capital letters.
        """
        if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise InvalidMoney("currency is not a three-letter ISO 4217 code")
        try:
            value = Decimal(str(amount).strip()) if not isinstance(amount, bool) else Decimal("NaN")
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite():
            raise InvalidMoney("amount is not a number")
        if value.copy_abs() >= _LARGEST:  # abs() would round, and fail on 1e9999999
            raise InvalidMoney("amount is too large")
        return cls(int(value.scaleb(exponent(currency)).quantize(Decimal(1))), currency)

    @property
    def amount(self) -> Decimal:
        """The amount with the currency's own number of places."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def as_json(self) -> dict[str, str]:
        """The API's shape: {"amount": "1112.80", "currency": "THB"}."""
        return {"amount": str(self.amount), "currency": self.currency}

    def __str__(self) -> str:
        return f"{self.amount:,} {self.currency}"
