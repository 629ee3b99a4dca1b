"""`manage.py loadgen`: what it tells a server, what it writes down, and how it bears being turned away."""

import json
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from crm.lib import audits
from crm.lib.audits import Case, Verdict
from crm.lib.ledgers import Ledger
from crm.management import load
from crm.management.load import plan
from crm.models import ApiKey, Customer, Event
from tests.factories.crm import NOON
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Taken
from tools.services import free_port

SOME: dict[str, Any] = {"eps": 20, "secs": 10, "seed": 7, "dup": 0.2, "shuffle": True, "customers": 30}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(load, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def server() -> Iterator[Gateway]:
    """Takes every event; `server.will` has other answers come first."""

    def answer(taken: Taken) -> Reply:
        return Reply(json={"results": [{"id": taken.json["id"], "status": "accepted"}]})

    with Gateway(answer=answer) as made:
        yield made


def run(folder: Path, *words: str, url: str = "", eps: float = 500, secs: float = 0.02) -> tuple[str, list[Any]]:
    """What it printed, and the lines of its ledger."""
    out, ledger = StringIO(), folder / "ledger.jsonl"
    where = ["--url", url, "--ledger", str(ledger), "--eps", str(eps), "--secs", str(secs), *words]
    call_command("loadgen", *where, stdout=out)
    return out.getvalue(), [json.loads(line) for line in ledger.read_text().splitlines()]


# --- What is sent ---------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_events() -> None:
    assert plan(**SOME) == plan(**SOME)
    assert plan(**SOME) != plan(**{**SOME, "seed": 8})


def test_every_event_is_there_and_a_share_of_them_twice() -> None:
    planned = plan(**SOME)
    times = Counter(one.id for one in planned)
    assert set(times) == {f"load-7-{number}" for number in range(200)}
    assert Counter(times.values()) == {1: 168, 2: 32}
    bodies = {one.id: one.event for one in planned}
    assert all(one.event == bodies[one.id] for one in planned)


def test_shuffled_events_overtake_each_other_and_unshuffled_ones_do_not() -> None:
    shuffled = [one.at for one in plan(**{**SOME, "dup": 0})]
    assert shuffled != sorted(shuffled)
    straight = plan(**{**SOME, "dup": 0, "shuffle": False})
    assert [one.sent for one in straight] == [number / 20 for number in range(200)]
    assert all(0 <= one.at <= one.sent <= 10 for one in plan(**SOME))


def test_their_people_are_nobody() -> None:
    people = [one.event["customer"] for one in plan(**{**SOME, "customers": load.MOST_CUSTOMERS})]
    assert all(who["email"].endswith("@example.com") for who in people)
    assert all(who["phone"][5:10] == "55501" for who in people)


# --- What comes of it -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_makes_itself_a_key_and_writes_down_every_answer(tmp_path: Path, server: Gateway) -> None:
    told, lines = run(tmp_path, url=server.address)
    key = ApiKey.objects.get()
    assert (key.name, key.source, key.scopes) == ("loadgen", "loadgen", ["events:write"])
    assert key.expires_at is not None
    assert sorted((line["id"], line["source"], line["try"], line["answer"], line["status"]) for line in lines) == [
        (f"load-0-{number}", "loadgen", 1, 200, "accepted") for number in range(10)
    ]
    assert "10 calls of 10 events" in told
    assert "answered: accepted 10\n" in told
    assert {taken.path for taken in server.taken} == {"/api/v1/events/"}


@pytest.mark.django_db
def test_what_gets_no_answer_is_written_down_and_tried_again_with_its_id(tmp_path: Path, server: Gateway) -> None:
    server.will(
        Reply(503, json={"code": "db_unavailable"}), Hangup(), Reply(429, headers={"Retry-After": "0"}), Reply(500)
    )
    told, lines = run(tmp_path, url=server.address, eps=50)
    assert [(line["id"], line["try"], line["answer"], line["status"]) for line in lines] == [
        ("load-0-0", 1, 503, "db_unavailable"),
        ("load-0-0", 2, None, "ServerDisconnectedError"),
        ("load-0-0", 3, 429, "Too Many Requests"),
        ("load-0-0", 4, 500, "Internal Server Error"),
        ("load-0-0", 5, 200, "accepted"),
    ]
    assert {taken.json["id"] for taken in server.taken} == {"load-0-0"}
    assert len({taken.body for taken in server.taken}) == 1
    assert "tried again after: 429 1, 500 1, 503 1, ServerDisconnectedError 1\n" in told


@pytest.mark.django_db
def test_what_never_gets_an_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="1 calls never got an answer"):
        run(tmp_path, "--patience", "0.02", url=f"http://127.0.0.1:{free_port()}", eps=50)
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert {(line["answer"], line["status"]) for line in lines} == {(None, "ClientConnectorError")}
    assert len(lines) > 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Reply(401, json={"code": "invalid_key", "detail": "There is no such key."}), r"401 \(invalid_key\): There is"),
        (Reply(404, body="<html>"), r"404 \(Not Found\): no API there\?"),
        (Reply(302, headers={"Location": "/sign-in/"}, body="moved"), r"302 \(Found\): no API there\?"),
        (Reply(200, body="It works!"), "200, but not as this API does"),
    ],
)
def test_a_server_that_takes_nothing_from_us_ends_it(tmp_path: Path, server: Gateway, reply: Reply, fault: str) -> None:
    server.will(*[reply] * 10)
    with pytest.raises(CommandError, match=fault):
        run(tmp_path, url=server.address)


@pytest.mark.django_db
def test_an_event_that_is_refused_is_not_tried_again(tmp_path: Path, server: Gateway) -> None:
    server.will(Reply(400, json={"code": "invalid"}))
    told, lines = run(tmp_path, url=server.address, eps=50)
    assert [(line["answer"], line["status"]) for line in lines] == [(400, "invalid")]
    assert "answered: invalid 1\n" in told


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--dup", "2"], "--dup: between 0 and 1"),
        (["--customers", "5000"], "--customers: between 1 and 2000"),
        (["--url", "localhost:8000"], "--url: 'localhost:8000' is no address"),
        (["--key", "wm_live_x"], "--key: this installation's database has no such key"),
        (["--ledger", "/nowhere/at/all"], "--ledger: /nowhere/at/all: No such file"),
        (["--eps", "nan"], "--eps: between"),
    ],
)
def test_what_makes_no_sense_is_named(words: list[str], fault: str) -> None:
    with pytest.raises(CommandError, match=fault):
        call_command("loadgen", *words)


@pytest.mark.django_db(transaction=True)
def test_the_log_of_a_real_server_has_each_event_once(live_server: LiveServer, tmp_path: Path) -> None:
    words = ["--seed", "3", "--dup", "0.5", "--shuffle", "--customers", "4"]
    _told, lines = run(tmp_path, *words, url=live_server.url, eps=100, secs=0.2)
    assert (Event.objects.filter(source="loadgen").count(), Customer.objects.count()) == (20, 4)
    assert Counter(line["status"] for line in lines) == {"accepted": 20, "duplicate": len(lines) - 20}
    assert len(lines) == len(plan(eps=100, secs=0.2, seed=3, dup=0.5, shuffle=True, customers=4)) > 20
    case = Case(now=NOON, answered=Ledger(tmp_path / "ledger.jsonl"))
    assert audits.audit(case)[0].verdict == Verdict.HOLDS
    Event.objects.filter(dedupe_key="load-3-5").delete()
    (breach,) = audits.audit(case)[0].breaches
    assert breach.rows[0]["event"] == "load-3-5"
