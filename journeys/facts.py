"""An event of the log, as far as stages and flows care for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from crm.models import Event


@dataclass(frozen=True, slots=True)
class Fact:
    """`at` is when it occurred in the world, not when we learnt of it."""

    id: int
    name: str
    at: datetime
    properties: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, event: Event) -> Fact:
        """Made once for each event, which stages, runs and triggers look at in turn."""
        fact = event.__dict__.get("_fact")
        if fact is None:
            fact = event.__dict__["_fact"] = cls(event.pk, event.name, event.occurred_at, event.properties)
        return cast(Fact, fact)

    def text(self, path: str) -> str:
        """The property at the dotted `path` as text; "" when it is missing or no plain value."""
        value: Any = self.properties
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict | Mapping) else None
        if isinstance(value, str):  # as order numbers and carts are
            return value[:200]
        return "" if value is None or isinstance(value, Mapping | list) else str(value)[:200]
