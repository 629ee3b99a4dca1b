"""What we teach PostgreSQL's driver."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader


class UtcLoader(TimestamptzLoader):
    """
    Reads a moment the way Python itself writes one, ten times as fast as the driver's own reader that Django builds on.

    A batch of events reads thousands of them.
    """

    timezone = UTC  # Django asks whether it is the connection's

    def load(self, data: Buffer) -> datetime:
        try:
            moment = datetime.fromisoformat(bytes(data).decode())
        except ValueError:  # a year before Christ, infinity: the driver has words for them
            return super().load(data).replace(tzinfo=UTC)
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def teach(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Called for each connection that is made."""
    if connection.vendor == "postgresql" and connection.timezone is UTC:
        connection.connection.adapters.register_loader("timestamptz", UtcLoader)
