"""`manage.py audit`: what must hold, judged from the database and from other people's books."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging.models import Message
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db


def audit(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("audit", *words, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def judged(*words: str) -> tuple[int, dict[str, Any]]:
    code, text = audit("--json", *words)
    told = json.loads(text)
    assert told["holds"] == (code == 0)
    return code, {found["code"]: found for found in told["invariants"]}


def test_an_empty_installation_breaks_nothing_and_claims_nothing() -> None:
    code, found = judged()
    assert code == 0
    assert {name: report["verdict"] for name, report in found.items()} == {
        "I1": "not looked at", "I2": "not looked at", "I3": "not looked at", "I4": "not looked at",
        "I5": "ok", "I6": "not looked at", "I7": "ok", "I8": "not looked at",
    }  # fmt: skip
    assert all(report["rule"].endswith(".") for report in found.values())


def twice(folder: Path) -> tuple[Message, Path]:
    message, path = MessageFactory(state="sent"), folder / "accepted.jsonl"
    path.write_text(2 * f'{{"key": "{message.key}", "at": "2026-03-04T05:00:00Z"}}\n')
    return message, path


def test_a_breach_is_told_with_what_is_behind_it(tmp_path: Path) -> None:
    message, path = twice(tmp_path)
    code, found = judged("--provider", str(path))
    assert code == 1
    assert found["I3"]["verdict"] == "breached"
    assert found["I3"]["breaches"][0]["count"] == 1
    assert found["I3"]["breaches"][0]["rows"][0]["message"].replace("-", "") == message.key


def test_for_people_it_is_a_table_without_anybodys_address(tmp_path: Path) -> None:
    message, path = twice(tmp_path)
    code, text = audit("--provider", str(path))
    assert code == 1
    assert "I3  breached       The provider accepted no message twice.\n" in text
    assert "1 messages were accepted more than once:\n" in text
    assert message.address not in text


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--since", "yesterday"], "--since: is not an RFC 3339 time"),
        (["--since", "2026-03-04T05:00:00"], "--since: has no offset"),
        (["--events", "/nowhere/at/all"], "/nowhere/at/all: No such file"),
    ],
)
def test_what_it_cannot_go_by_is_named(words: list[str], fault: str) -> None:
    with pytest.raises(CommandError, match=fault):
        audit(*words)
