"""The throw-away servers: up, used, gone."""

import os
import subprocess
import sys

from django.conf import settings

SHOW = "import os, sys; print(os.environ.get('DATABASE_URL'), os.environ.get('REDIS_URL')); sys.exit(7)"


def services(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "DATABASE_URL", "REDIS_URL")}
    return subprocess.run(
        [sys.executable, "tools/services.py", *arguments],
        cwd=settings.BASE_DIR,
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )


def test_the_command_gets_both_servers_and_its_exit_code_comes_through():
    done = services("--", sys.executable, "-c", SHOW)

    database, redis = done.stdout.split()
    assert done.returncode == 7
    assert database.startswith("postgres://waymark@127.0.0.1:")
    assert redis.startswith("redis://127.0.0.1:")


def test_nothing_stays_behind(tmp_path):
    assert services(TMPDIR=str(tmp_path)).returncode == 0

    assert list(tmp_path.iterdir()) == []


def test_servers_that_the_caller_names_are_used():
    done = services(
        "--", sys.executable, "-c", SHOW, TEST_DATABASE_URL="postgres://me@db/x", TEST_REDIS_URL="redis://cache/1"
    )

    assert done.stdout.split() == ["postgres://me@db/x", "redis://cache/1"]


def test_without_servers_it_says_why_and_goes_on_but_not_in_ci(tmp_path):
    # A Python that sees neither wheel, and a PATH without any server; /usr/lib may still hold a PostgreSQL.
    bare = {"PATH": str(tmp_path), "PYTHONPATH": ""}
    command = [sys.executable, "-S", "-c"]
    program = (
        "import sys; sys.path.insert(0, 'tools'); import services\n"
        "services.postgres_binaries = services.redis_binaries = lambda: iter(())\n"
        "sys.exit(services.main(['--', sys.executable, '-c', 'print(\"went on\")']))"
    )

    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, program], cwd=settings.BASE_DIR, env={**bare, **environment}, capture_output=True, text=True
        )

    here, ci = run(), run(CI="true")

    assert (here.returncode, here.stdout) == (0, "went on\n")
    assert "services: no PostgreSQL: neither a wheel nor a system binary was found" in here.stderr
    assert (ci.returncode, ci.stdout) == (1, "")
    assert "CI is set, and CI tests on both" in ci.stderr
