"""
Keep the translations: `update` gathers what the source says, `compile` makes what Django reads, `check` does neither
and tells what is missing.

    python tools/messages.py update    # after changing wording; then translate what is empty
    python tools/messages.py compile
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
APPS = ("config", "crm", "messaging", "journeys")
LANGUAGE = "th"
PO = ROOT / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
KEYWORDS = {
    **dict.fromkeys(("_", "_t", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
# A date that moves with every run would make every run a change.
BEGUN = datetime(2026, 11, 21, tzinfo=UTC)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def sources() -> Iterator[tuple[str, str]]:
    """(dialect, text) of everything that may speak to a reader."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts or not path.name.startswith("0001"):
                yield "python", path.read_text()
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in {".html", ".txt"}:
            yield "template", path.read_text()


def extracted() -> Catalog:
    """Every message in the source, untranslated."""
    catalog = Catalog(
        locale=LANGUAGE, project="Waymark", version="1", charset="utf-8", fuzzy=False, header_comment="# In Thai.",
        msgid_bugs_address="none", last_translator="Waymark", language_team="Waymark", creation_date=BEGUN,
        revision_date=BEGUN,
    )  # fmt: skip
    for dialect, text in sources():
        code = as_python(text) if dialect == "template" else text
        for _line, ids, _comments, context in extract("python", io.BytesIO(code.encode()), KEYWORDS):
            catalog.add(ids, context=context)
    return catalog


def as_python(text: str) -> str:
    """A template as the Python that asks for its messages, one statement a line."""
    from django.utils.translation.template import templatize  # noqa: PLC0415 - needs settings, which only this asks for

    # Leading blanks are layout, which Python would take for blocks.
    return "\n".join(line.strip() for line in templatize(text).splitlines())


def stored() -> Catalog:
    """The committed translations."""
    with PO.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def compiled(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def update() -> None:
    """Write the source's messages with the translations there are; what is said no more is dropped."""
    fresh = extracted()
    known = stored() if PO.is_file() else Catalog(locale=LANGUAGE)
    for message in fresh:
        if message.id and (old := known.get(key(message), message.context)):
            message.string = old.string
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, fresh, no_location=True, sort_output=True, omit_header=False, width=120)


def key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def faults() -> list[str]:
    """What keeps the translations from being whole, in words."""
    if not PO.is_file() or not MO.is_file():
        return [f"{PO.name} or {MO.name} is missing"]
    fresh, known = extracted(), stored()
    found = []
    for message in fresh:
        translation = known.get(key(message), message.context)
        if not message.id:
            continue
        if translation is None or not all(_strings(translation)):
            found.append(f"not translated: {key(message)!r}")
        elif any(placeholders(_longest(message)) != placeholders(text) for text in _strings(translation)):
            found.append(f"placeholders differ: {key(message)!r}")
    said = {(key(message), message.context) for message in fresh if message.id}
    stale = [message for message in known if message.id and (key(message), message.context) not in said]
    found += [f"said no more: {key(message)!r}" for message in stale]
    if MO.read_bytes() != compiled(known):
        found.append(f"{MO.name} is not what {PO.name} says: compile it")
    return found


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text.replace("%%", "")))


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _longest(message: Message) -> str:
    # The plural is what a language with one form translates.
    return message.id if isinstance(message.id, str) else message.id[1]


def main(verb: str) -> int:
    if verb == "update":
        update()
    elif verb == "compile":
        MO.write_bytes(compiled(stored()))
    elif verb == "check":
        print("\n".join(faults()))
        return bool(faults())
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    sys.exit(main(*sys.argv[1:2] or [""]))
