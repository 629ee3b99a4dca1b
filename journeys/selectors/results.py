"""Conversions of two groups beside one another: rates, their difference, and how sure either is."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

# The quantile of the normal distribution that leaves 2.5 percent on either side.
Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Group:
    """People, and how many of them reached the goal in time."""

    people: int
    converted: int

    @property
    def rate(self) -> float:
        return self.converted / self.people if self.people else 0.0

    def wilson(self) -> tuple[float, float]:
        """The 95 % interval of the rate (Wilson's score interval)."""
        if not self.people:
            return 0.0, 1.0
        n, p, zz = self.people, self.rate, Z95 * Z95
        centre = (p + zz / (2 * n)) / (1 + zz / n)
        half = Z95 * sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
        return max(centre - half, 0.0), min(centre + half, 1.0)


@dataclass(frozen=True, slots=True)
class Lift:
    """The difference of two rates, treated less held out, with its 95 % interval; shares of 1."""

    treated: Group
    held_out: Group

    @property
    def difference(self) -> float:
        return self.treated.rate - self.held_out.rate

    @property
    def interval(self) -> tuple[float, float]:
        """Newcombe's hybrid score interval for a difference of proportions (Statist. Med. 17, 1998, method 10)."""
        (low, high), (low_out, high_out) = self.treated.wilson(), self.held_out.wilson()
        rate, rate_out = self.treated.rate, self.held_out.rate
        below = sqrt((rate - low) ** 2 + (high_out - rate_out) ** 2)
        above = sqrt((high - rate) ** 2 + (rate_out - low_out) ** 2)
        return self.difference - below, self.difference + above

    @property
    def is_clear(self) -> bool:
        """The interval leaves out zero: what is seen is more than chance."""
        low, high = self.interval
        return low > 0 or high < 0
