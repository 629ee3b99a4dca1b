"""Rules no linter has: sizes, names, and what must not be written down."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = ("config", "crm", "messaging", "journeys")
MAX_FILE, MAX_FUNCTION = 450, 60  # lines


def sources() -> Iterator[Path]:
    for app in APPS:
        yield from (path for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts)


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def test_files_and_functions_stay_small() -> None:
    too_long = []
    for path in sources():
        source = path.read_text()
        if source.count("\n") > MAX_FILE:
            too_long.append(f"{path.relative_to(ROOT)}: {source.count(chr(10))} lines")
        too_long += [
            f"{path.relative_to(ROOT)}:{node.name}"
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION
        ]
    assert too_long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.read_text().strip() and path.name != "apps.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_migrations_are_named_by_hand() -> None:
    names = [path.name for app in APPS for path in (ROOT / app).rglob("migrations/0*.py")]
    assert [name for name in names if "_auto_" in name or re.search(r"_\d{8}", name)] == []


def test_templates_and_styles_are_ours_alone() -> None:
    """No style or script inside a page (the content security policy refuses both), and nothing from elsewhere."""
    faults = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        if "email" in path.parts:
            continue  # mail readers know nothing but inline styles
        text = path.read_text()
        found = re.findall(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)|//cdn\.", text)
        faults += [f"{path.relative_to(ROOT)}: {match}" for match in found if "application/json" not in match]
    assert faults == []


@pytest.mark.parametrize("name", ["base", "dev"])
def test_lock_files_carry_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert not re.search(r"^--(index|extra|find)", text, re.MULTILINE)
    pinned = re.findall(r"^[a-z0-9._-]+(?:\[[a-z,]+\])?==", text, re.MULTILINE)
    assert len(pinned) > 20
    assert text.count("--hash=sha256:") >= len(pinned)


def test_nothing_names_a_machine() -> None:
    texts = [path for path in committed() if path.suffix in {".py", ".md", ".toml", ".html", ".js", ".css", ".sh", ""}]
    folders = "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me"))
    pattern = re.compile(rf"(?<![\w.<-])/({folders})/[a-z]")
    assert [str(path.relative_to(ROOT)) for path in texts if pattern.search(path.read_text(errors="ignore"))] == []
