"""What `manage.py audit` says of the event log."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from crm.lib import audits
from crm.lib.audits import Case, Report, Verdict
from crm.lib.ledgers import Ledger
from crm.models import Event
from tests.factories.crm import NOON, CustomerFactory

pytestmark = pytest.mark.django_db


def report(folder: Path, *answers: dict[str, Any]) -> Report:
    path = folder / "answered.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"source": "shop", **answer}) + b"\n" for answer in answers))
    return audits.audit(Case(now=NOON, answered=Ledger(path)))[0]


def happened(key: str, source: str = "shop") -> None:
    Event.objects.create(
        customer=CustomerFactory(), name="Product Viewed", occurred_at=NOON, received_at=NOON, source=source,
        dedupe_key=key,
    )  # fmt: skip


def test_without_a_ledger_nothing_is_said() -> None:
    found = audits.audit(Case(now=NOON))[0]
    assert (found.code, found.verdict) == ("I1", Verdict.NOT_LOOKED_AT)
    assert found.note == "needs the ledger of what was answered: --events"


def test_what_was_answered_is_there(tmp_path: Path) -> None:
    happened("a")
    happened("b")
    found = report(
        tmp_path,
        {"id": "a", "answer": 200, "status": "accepted"},
        {"id": "a", "answer": 200, "status": "duplicate"},
        {"id": "b", "answer": 200, "status": "duplicate"},
        {"id": "c", "answer": 503, "status": "db_unavailable"},
        {"id": "d", "answer": None, "status": "ClientConnectorError"},
        {"id": "e", "answer": 200, "status": "invalid"},
    )
    assert (found.verdict, found.breaches, found.note) == (Verdict.HOLDS, [], "3 answers")


def test_what_was_answered_and_is_gone(tmp_path: Path) -> None:
    happened("a")
    happened("b", source="another shop")
    found = report(tmp_path, *({"id": key, "answer": 200, "status": "accepted"} for key in "abb"))
    assert found.verdict == Verdict.BROKEN
    (breach,) = found.breaches
    assert (breach.message, breach.count) == ("events that were answered 2xx are not there, or not once", 1)
    assert breach.rows == [{"event": "b", "source": "shop", "times": 0, "line": 2}]


def test_of_many_breaches_the_first_are_listed_and_all_counted(tmp_path: Path) -> None:
    answers = ({"id": f"{n:03}", "answer": 200, "status": "accepted"} for n in range(150))
    (breach,) = report(tmp_path, *answers).breaches
    assert breach.count == 150
    assert [row["event"] for row in breach.rows] == [f"{n:03}" for n in range(audits.MOST_LISTED)]
