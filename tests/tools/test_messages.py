"""The Thai of the product: whole, up to date, and compiled."""

from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext, ngettext

from tools import messages


def test_every_sentence_is_translated_and_the_compiled_file_says_the_same() -> None:
    """After changing wording: `python tools/messages.py update`, translate what is empty, `… compile`."""
    assert messages.faults() == []


def test_no_sentence_was_left_in_english() -> None:
    left = [
        message.id
        for message in messages.stored()
        if isinstance(message.id, str) and message.string == message.id and len(message.id.split()) > 2
    ]
    assert [sentence for sentence in left if not messages.placeholders(sentence)] == []


@pytest.mark.parametrize(
    ("given", "found"), [("%(n)s of {m} 5%% %s", ["%(n)s", "%s", "{m}"]), ("plain", []), ("{%(a)s}", ["%(a)s"])]
)
def test_placeholders_are_told_from_text(given: str, found: list[str]) -> None:
    assert messages.placeholders(given) == found


def test_templates_are_read_as_django_reads_them() -> None:
    code = messages.as_python(
        '  {% translate "Save" %}\n{% blocktranslate count n=n %}{{ n }} day{% plural %}days{% endblocktranslate %}'
    )
    assert "Save" in code
    assert "ngettext" in code


def test_django_speaks_it() -> None:
    with translation.override("th"):
        assert gettext("Customers") == "ลูกค้า"
        assert ngettext("%(n)s day", "%(n)s days", 3) % {"n": 3} == "3 วัน"


def test_a_stale_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stale = tmp_path / "django.mo"
    stale.write_bytes(b"old")
    monkeypatch.setattr(messages, "MO", stale)
    assert messages.faults() == ["django.mo is not what django.po says: compile it"]
    monkeypatch.setattr(messages, "PO", tmp_path / "lost.po")
    assert messages.faults() == ["lost.po or django.mo is missing"]
