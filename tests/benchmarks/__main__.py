"""
Run the benchmarks on SQLite and PostgreSQL and print one table.

    python -m tests.benchmarks [--json] [--quick] [--database sqlite|postgres] [--only NAME …]

Each figure is the median of several rounds after a warm-up, ours and its floor taken in turn in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

# Each a module of this folder with a function `rows`; each on a fresh database.
ALL = (
    "ingest", "doors", "stages", "contacts", "waiting", "lateness", "sending", "gateway", "rendering", "broadcasts",
    "rules",
)  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="the benchmarks beside their floors")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a look, not a measurement")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="only this one")
    parser.add_argument("--only", nargs="+", choices=ALL, default=ALL, metavar="NAME", help=", ".join(ALL))
    options = parser.parse_args()
    rows = []
    for name in [options.database] if options.database else ["sqlite", "postgres"]:
        if name == "postgres" and not os.environ.get("DATABASE_URL", "").startswith("postgres"):
            sys.stderr.write("bench: no PostgreSQL here (DATABASE_URL); its rows are left out\n")
            continue
        for work in options.only:
            sys.stderr.write(f"bench: {work} on {name} …\n")
            rows += measured(work, name, quick=options.quick)
    sys.stdout.write(json.dumps(rows, indent=2) if options.json else table(rows))
    sys.stdout.write("\n")
    return 0


def measured(work: str, database: str, *, quick: bool) -> list[dict[str, str]]:
    """The rows of one benchmark on one database, taken in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **{name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER")},
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "false",
            "LOG_LEVEL": "ERROR",
            "BENCH_QUICK": "1" if quick else "",
        }
        if database == "sqlite":
            environment["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
        command = [sys.executable, "-m", "tests.benchmarks.run", work]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [{"database": database, **row} for row in json.loads(done.stdout)]


def table(rows: list[dict[str, str]]) -> str:
    columns = ["database", "work", "ours", "floor", "ratio", "must", "goal"]
    lines = [columns, *([row[column] for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
