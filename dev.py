#!/usr/bin/env python3
"""
One file between a fresh machine and running Waymark. Needs Python 3.11 or newer and nothing else.

    python3 dev.py demo [--port N]   a lively shop to look at: web server and worker; stop with Ctrl-C
    python3 dev.py test [ARGS]       all tests, on SQLite and on a PostgreSQL and Redis of its own; ARGS go to pytest
    python3 dev.py check             style, types, walls between the rooms, migrations, templates, deployment
    python3 dev.py bench [ARGS]      the benchmarks, beside their floors
    python3 dev.py serve [ARGS]      the web server alone        (manage.py serve)
    python3 dev.py worker [ARGS]     the worker alone            (manage.py worker)
    python3 dev.py manage ARGS       any other command of manage.py
    python3 dev.py lock              pin the newest versions that requirements/*.in allow
"""

from __future__ import annotations  # so that an older Python gets as far as the sentence at the end

import argparse
import contextlib
import ctypes
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BASE, DEV = ROOT / "requirements/base.txt", ROOT / "requirements/dev.txt"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STOP_WITHIN = 20  # seconds; the worker drains for up to 10


def say(text: str) -> None:
    print(f"dev: {text}", flush=True)


def run(*command: object, **options: Any) -> None:
    """Run a command in the project's folder; a failure ends this program with the command's own exit code."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, **options)
    if done.returncode:
        sys.exit(done.returncode)


def works(*command: object) -> bool:
    """Whether the command exists and succeeds."""
    with contextlib.suppress(OSError):
        return subprocess.run([str(part) for part in command], capture_output=True).returncode == 0
    return False


def manage(*arguments: str, **options: Any) -> None:
    run(PYTHON, "manage.py", *arguments, **options)


def become(*command: object) -> NoReturn:
    """Let the command take this process's place, so that signals and the exit code are its own."""
    os.chdir(ROOT)
    os.execv(str(command[0]), [str(part) for part in command])


# --- The environment --------------------------------------------------------------------------


def prepare(requirements: Path) -> None:
    """Make `.venv` and install what `requirements` pins, by whichever way this machine offers; once."""
    # What the tests need includes what the product needs.
    if any(stamp(file).is_file() and stamp(file).read_text() == fingerprint(file) for file in {requirements, DEV}):
        return
    started = time.monotonic()
    say("preparing the environment …")
    if uv := shutil.which("uv"):
        if not PYTHON.exists():
            run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
        run(uv, "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes", "-r", requirements)
    else:
        pip = pip_for_venv()
        run(
            *pip,
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--require-hashes",
            "-r",
            requirements,
        )
    stamp(requirements).write_text(fingerprint(requirements))
    say(f"environment ready in {time.monotonic() - started:.0f} s")


def stamp(requirements: Path) -> Path:
    return VENV / f".{requirements.stem}-installed"


def fingerprint(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()


def pip_for_venv() -> list[object]:
    """Make the environment where there is none, and return the pip that installs into it."""
    own = [PYTHON, "-m", "pip"]
    if works(*own, "--version"):
        return own
    if works(sys.executable, "-c", "import ensurepip"):
        run(sys.executable, "-m", "venv", "--clear", VENV)
        return own
    if works(sys.executable, "-m", "pip", "--version"):
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    if may_apt_get():
        say("this Python can make no environment: installing python3-venv with apt-get")
        apt_get_install("python3-venv")
        run(sys.executable, "-m", "venv", "--clear", VENV)
        return own
    sys.exit(
        "dev: this Python can make no environment. Install one of python3-venv (Debian, Ubuntu: "
        "sudo apt install python3-venv), pip or uv, then run the same command again."
    )


def may_apt_get() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_get_install(*packages: str) -> None:
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    run("apt-get", "update", "-qq", **quiet)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, **quiet)


# --- demo -------------------------------------------------------------------------------------


def demo(arguments: list[str]) -> None:
    """A shop with a past, on SQLite, the built-in task queue and a sandbox phone that sends nothing."""
    parser = argparse.ArgumentParser(prog="dev.py demo")
    parser.add_argument("--port", type=int, help="port of the web server (default: 8000, or the next free one)")
    port = choose_port(parser.parse_args(arguments).port)
    stop_on_signals()
    prepare(BASE)
    write_settings()
    address = f"http://127.0.0.1:{port}"
    os.environ.setdefault("SITE_URL", address)
    # Compressing the static files takes one core, the shop's history the other.
    with running("collectstatic", "--no-input", "--verbosity=0") as files:
        manage("migrate", "--verbosity=0")
        manage("demo")
        if files.wait():
            sys.exit("dev: the static files could not be collected; why stands above")
    with contextlib.suppress(KeyboardInterrupt), running("serve", f"--port={port}") as web, running("worker") as worker:
        wait_until_ready(address, web, worker)
        say(f"Waymark is ready at {address}/ · stop with Ctrl-C")
        while web.poll() is None and worker.poll() is None:
            time.sleep(0.5)
        sys.exit("dev: a process has ended by itself; what it said stands above")
    say("stopped")


def choose_port(wanted: int | None) -> int:
    for port in (wanted,) if wanted else range(8000, 8100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port != (wanted or 8000):
                    say(f"port 8000 is taken, so the web server gets {port}")
                return port
    sys.exit(f"dev: port {wanted or '8000 to 8099'} is taken; choose another with --port")


def write_settings() -> None:
    """Write `.env` with fresh secrets; one that is there stays as it is."""
    file = ROOT / ".env"
    if file.exists():
        return
    names = ("SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER")
    lines = [
        "# Written by `dev.py demo`. docs/configuration.md explains every setting.",
        *(f"{name}={secrets.token_urlsafe(48)}" for name in names),
        "DEBUG=false",
        "# This demo is served to this machine only, without TLS.",
        "HTTPS=false",
    ]
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")
    say("wrote .env with fresh secrets")


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of manage.py in the background, away from the terminal's Ctrl-C; stopped in any case."""
    child = subprocess.Popen(
        [str(PYTHON), "manage.py", *arguments], cwd=ROOT, start_new_session=True, preexec_fn=end_with_parent
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def end_with_parent() -> None:
    """Have Linux send the child a SIGTERM when this program ends, even if it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def stop_on_signals() -> None:
    """Take SIGTERM for Ctrl-C, and Ctrl-C for itself also where a shell in the background had it ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def wait_until_ready(address: str, *children: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and all(child.poll() is None for child in children):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=5):
            return
        time.sleep(0.1)
    sys.exit("dev: Waymark did not become ready; what went wrong stands above")


# --- test, check, bench -----------------------------------------------------------------------


def test(arguments: list[str]) -> None:
    prepare(DEV)
    find_browser()
    pytest = [str(PYTHON), "-m", "pytest", "-n", "auto", *arguments]
    services = [str(PYTHON), "tools/services.py", "--"]
    say("tests on PostgreSQL and Redis")
    # What a browser sees, and what asks no database, is the same on both: the second run looks at it.
    once = [] if "-m" in arguments else ["-m", "not browser and not pure"]
    first = subprocess.run([*services, *pytest, *once], cwd=ROOT)
    say("tests on SQLite")
    second = subprocess.run(pytest, cwd=ROOT)
    sys.exit(first.returncode or second.returncode)


def find_browser() -> None:
    """Tests with a real browser need Chromium; without one they are skipped and say so."""
    if os.environ.get("CHROMIUM") or any(shutil.which(name) for name in BROWSERS):
        return
    if may_apt_get():
        say("installing Chromium and fonts with apt-get, for the browser tests")
        apt_get_install("chromium", "fonts-noto-core")
    else:
        say("no Chromium here: the browser tests will be skipped (install it, or set CHROMIUM to its path)")


def check(arguments: list[str]) -> None:
    """Everything but the tests. Each check runs, whatever the ones before it found."""
    prepare(DEV)
    tools = VENV / "bin"
    templates = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "templates").rglob("*.html"))
    production = {
        **os.environ,
        **{name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "CREDENTIALS_KEY", "SUPPRESSION_PEPPER")},
        "DEBUG": "false",
        "HTTPS": "true",
        "DATABASE_URL": "sqlite://:memory:",
    }
    checks: dict[str, list[object]] = {
        "style": [tools / "ruff", "check", "."],
        "format": [tools / "ruff", "format", "--check", "."],
        "types": [tools / "mypy"],
        "walls": [tools / "lint-imports"],
        "migrations": [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
        "templates": [tools / "djade", "--check", "--target-version", "5.2", *templates],
        "deployment": [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    }
    failed = [name for name, command in checks.items() if not passes(name, command, production)]
    if failed:
        sys.exit(f"dev: failed: {', '.join(failed)}")
    say("all checks passed")


def passes(name: str, command: list[object], environment: dict[str, str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    say(f"{name:<12} {'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)")
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


def bench(arguments: list[str]) -> None:
    prepare(DEV)
    become(PYTHON, "tools/services.py", "--fsync", "--", PYTHON, "-m", "tests.benchmarks", *arguments)


# --- The rest ---------------------------------------------------------------------------------


def serve(arguments: list[str]) -> None:
    run_manage(["serve", *arguments])


def worker(arguments: list[str]) -> None:
    run_manage(["worker", *arguments])


def run_manage(arguments: list[str]) -> None:
    prepare(BASE)
    become(PYTHON, "manage.py", *arguments)


def lock(arguments: list[str]) -> None:
    prepare(DEV)
    for name in ("base", "dev"):
        run(
            VENV / "bin/uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11",
            "--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links",
            f"requirements/{name}.in", "-o", f"requirements/{name}.txt",
        )  # fmt: skip


VERBS: dict[str, Callable[[list[str]], None]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "serve": serve,
    "worker": worker,
    "manage": run_manage,
    "lock": lock,
}

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is also what says so
        sys.exit(f"dev: Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        sys.exit(__doc__)
    try:
        VERBS[sys.argv[1]](sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)
