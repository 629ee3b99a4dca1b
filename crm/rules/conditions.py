"""The registry of leaves. crm's own stand in crm.rules.leaves; apps above add theirs with `register`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from pydantic import TypeAdapter

from crm.lib.among import Among

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Context:
    """
    What a condition may depend on besides the rows.

    Attributes:
        now: the instant it is asked.
        customer_ids: the batch it is asked about; None for everybody.
        inside: the segments whose rules are being read, outermost first.
        read: every segment read so far, again for each time it is named.
    """

    now: datetime
    customer_ids: Collection[int] | None = None
    inside: tuple[str, ...] = ()
    read: list[str] = field(default_factory=list)

    def of_batch(self, rows: QuerySet[M], field: str = "customer") -> QuerySet[M]:
        """
        Only the rows of the customers in question.

        Not needed for the answer, but for its price: neither database narrows a grouped or listed subquery by itself.
        """
        return rows if self.customer_ids is None else rows.filter(Among(field, self.customer_ids))

    def within(self, segment: str) -> Context:
        """The context of a segment's own rule."""
        self.read.append(segment)
        return replace(self, inside=(*self.inside, segment))


@dataclass(frozen=True, slots=True)
class Condition:
    """A kind of leaf: how its JSON is read, and the Q over Customer that it means."""

    kind: str
    adapter: TypeAdapter[Any]
    compile: Callable[[Any, Context], Q]


_conditions: dict[str, Condition] = {}


def register(kind: str, shape: Any, compile_: Callable[[Any, Context], Q]) -> None:
    """
    Add the leaf `{kind: …}`.

    Args:
        shape: a pydantic model or annotated type that reads the leaf's value.
        compile_: (value, context) → Q over Customer; sets of customers through crm.rules.sets.

    Raises:
        ValueError: the kind exists.
    """
    if kind in _conditions:
        raise ValueError(f"condition {kind!r} is registered twice")
    _conditions[kind] = Condition(kind, TypeAdapter(shape), compile_)


def get(kind: str) -> Condition | None:
    return _conditions.get(kind)


def kinds() -> list[str]:
    return sorted(_conditions)
