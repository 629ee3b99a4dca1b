"""Moments are read from PostgreSQL as Django would read them, only faster."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from crm.lib.postgres import UtcLoader

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def read(text: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        (moment,) = cursor.fetchone()
    assert isinstance(moment, datetime)
    return moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02 12:00:00+07", datetime(2026, 3, 2, 5, tzinfo=UTC)),
        ("2026-03-02 05:00:00.5+00", datetime(2026, 3, 2, 5, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-02 05:00:00.000001-03:30", datetime(2026, 3, 2, 8, 30, 0, 1, tzinfo=UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_utc_to_the_microsecond(text: str, moment: datetime) -> None:
    found = read(text)
    assert (found, found.tzinfo) == (moment, UTC)


def test_each_connection_reads_them_so() -> None:
    connection.ensure_connection()
    assert connection.connection.adapters.get_loader(connection.connection.adapters.types["timestamptz"].oid, 0) is (
        UtcLoader
    )


def test_what_python_has_no_moment_for_is_said_by_the_driver() -> None:
    with pytest.raises(Exception, match="timestamp too large"):
        read("infinity")
