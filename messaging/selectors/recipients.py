"""Whom messages are for: what sending needs to know of a customer, and no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.models import TextField
from django.db.models.functions import Cast

from crm.lib.among import Among
from crm.models import Customer


@dataclass(frozen=True, slots=True)
class Recipient:
    """
    A customer as messages see them, by the names of the record's own columns: a record will do as well (Addressee).

    `phone` is the number as it is stored, E.164.
    """

    id: int
    public_id: uuid.UUID
    name: str
    email: str
    phone: str
    line_id: str
    language: str
    time_zone: str
    erased_at: datetime | None
    merged_into_id: int | None
    attributes_json: str

    @property
    def first_name(self) -> str:
        return next(iter(self.name.split()), "")

    @property
    def attributes(self) -> dict[str, Any]:
        """Read from its text when asked for: few templates do."""
        found: dict[str, Any] = orjson.loads(self.attributes_json)
        return found


Addressee = Customer | Recipient

_COLUMNS = (
    "pk", "public_id", "name", "email", "number", "line_id", "language", "time_zone", "erased_at", "merged_into_id",
    "attributes_json",
)  # fmt: skip


def recipients(ids: Iterable[int]) -> dict[int, Recipient]:
    """By id; one query. Numbers are read as the text they are: taking them apart takes longer than all the rest."""
    rows = Customer.objects.filter(Among("pk", ids)).annotate(
        number=Cast("phone", TextField()), attributes_json=Cast("attributes", TextField())
    )
    return {values[0]: Recipient(*values) for values in rows.values_list(*_COLUMNS)}
