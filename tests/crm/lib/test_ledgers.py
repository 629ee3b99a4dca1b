"""Somebody else's books, read and laid beside ours."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from crm.lib import ledgers
from crm.lib.ledgers import InvalidLedger, Ledger, hex_of, laid_beside

KEY = "0190a6c0-7f9d-7b00-8000-000000000007"


def ledger(folder: Path, text: str) -> Ledger:
    path = folder / "ledger.jsonl"
    path.write_text(text)
    return Ledger(path)


def test_entries_come_with_their_lines_and_a_torn_last_one_is_none(tmp_path: Path) -> None:
    found = ledger(tmp_path, '{"id": "a"}\n\n{"id": "b"}\n{"id": "c')
    assert list(found.entries()) == [(1, {"id": "a"}), (3, {"id": "b"})]


@pytest.mark.parametrize(
    ("text", "fault"),
    [("{\n", "line 1: no JSON$"), ('{"id": "a"}\n[1]\n', "line 2: no JSON object"), ('{"x": 1}\n', "line 1: KeyError")],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidLedger, match=fault):
        list(ledger(tmp_path, text).read(lambda entry: {"id": entry["id"]}))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidLedger, match=r"nowhere\.jsonl: No such file"):
        list(Ledger(tmp_path / "nowhere.jsonl").entries())


def test_what_nobody_takes_is_left_out(tmp_path: Path) -> None:
    found = ledger(tmp_path, '{"id": "a"}\n{"id": "b"}\n')
    assert list(found.read(lambda entry: entry if entry["id"] == "b" else None)) == [{"line": 2, "id": "b"}]


@pytest.mark.django_db
def test_a_table_is_there_for_as_long_as_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "AT_ONCE", 2)
    rows: list[dict[str, Any]] = [{"line": n, "message": hex_of(KEY), "who": None} for n in (1, 2, 3)]
    columns: dict[str, ledgers.Kind] = {"line": "bigint", "message": "uuid", "who": "text"}
    with laid_beside(rows, table="beside", columns=columns, key="message") as count, connection.cursor() as cursor:
        assert count == 3
        cursor.execute("SELECT line, message, who FROM beside ORDER BY line")
        found = cursor.fetchall()
    assert [(line, UUID(str(message)), who) for line, message, who in found] == [
        (n, UUID(KEY), None) for n in (1, 2, 3)
    ]
    with laid_beside([], table="beside", columns=columns, key="message") as count:
        assert count == 0
