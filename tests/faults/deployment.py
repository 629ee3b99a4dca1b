"""Waymark as its own processes, on a database of its own: what the fault tests break."""

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.utils import ConnectionHandler

WITHIN = 120  # seconds that another process may take for anything, on a very busy machine


class Deployment:
    """Runs commands of manage.py against one database, and looks into that database from outside."""

    def __init__(self, database_url: str, database: dict[str, Any], witness: Path | str = "") -> None:
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database_url,
            "TASK_BROKER": "orm",
            "REDIS_URL": "",
            "HTTPS": "false",
            "TICK_SECONDS": "1",
            "WITNESS_FILE": str(witness),
        }
        self._connections = ConnectionHandler({"default": database})

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]

    def manage(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed; a failure is a failure of the test."""
        done = subprocess.run(self.command(*arguments), env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def running(
        self, *arguments: str, log: Path | None = None, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A command in the background, its words in `log`; it and all it started are gone afterwards."""
        with contextlib.ExitStack() as files:
            words = files.enter_context(log.open("wb")) if log else None
            command = self.command(*arguments)
            process = subprocess.Popen(command, env={**self.environment, **environment}, stderr=words)
        try:
            yield process
        finally:
            family = descendants(process.pid)
            process.kill()
            process.wait()
            for pid in family:
                kill(pid)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connections["default"].cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def close(self) -> None:
        self._connections.close_all()


@contextlib.contextmanager
def deployed(folder: Path) -> Iterator[Deployment]:
    """A migrated deployment on the kind of database that this run of the tests uses."""
    with database(folder) as (url, options):
        deployment = Deployment(url, options, folder / "witness")
        try:
            yield deployment
        finally:
            deployment.close()


@contextlib.contextmanager
def database(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A migrated database, thrown away afterwards: its address, and its settings for Django."""
    if connection.vendor == "sqlite":
        file = folder / "waymark.sqlite3"
        shutil.copy(_migrated_file(folder.parent), file)
        yield f"sqlite:///{file}", {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}
        return
    server = connection.settings_dict
    with _copy(_migrated_database()) as name:
        yield f"postgres://{_address()}/{name}", {**server, "NAME": name}


@functools.cache
def _migrated_file(folder: Path) -> Path:
    """What every database of these tests begins as: to migrate takes longer than most of them."""
    file = folder / "migrated.sqlite3"
    migrate(f"sqlite:///{file}")
    return file


@functools.cache
def _migrated_database() -> str:
    ends = contextlib.ExitStack()
    atexit.register(ends.close)
    name = ends.enter_context(_copy("template1"))
    migrate(f"postgres://{_address()}/{name}")
    return name


@contextlib.contextmanager
def _copy(template: str) -> Iterator[str]:
    """A new database on the server of this run."""
    name = f"waymark_faults_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"postgresql://{_address()}/postgres", autocommit=True) as maintenance:
        maintenance.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield name
        finally:
            maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _address() -> str:
    server = connection.settings_dict
    return f"{server['USER']}@{server['HOST']}:{server['PORT']}"


def migrate(database_url: str) -> None:
    """Make a database what the product expects; a failure is a failure of the test."""
    Deployment(database_url, {}).manage("migrate", "--verbosity=0")


def chaos(module: str, folder: Path, *arguments: str, seconds: float, url: str = "") -> tuple[dict[str, Any], str]:
    """
    Run a module of tests.faults on a database of its own, or on the empty one at `url`; what it counted (its last line,
    JSON), and its errors.
    """
    with contextlib.ExitStack() as stack:
        if url:
            migrate(url)
        else:
            url = stack.enter_context(database(folder))[0]
        done = subprocess.run(
            [sys.executable, "-m", f"tests.faults.{module}", *arguments],
            cwd=settings.BASE_DIR,
            env={
                **os.environ, "DATABASE_URL": url, "TEST_DATABASE": "the caller's",
                "DJANGO_SETTINGS_MODULE": "config.settings_test",
            },
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found, done.stderr


def until(condition: Callable[[], Any], *, within: float = WITHIN) -> Any:
    """Wait for another process to make `condition()` true, and return its value."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)
    return value


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that still live, oldest first."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sorted(int(child) for child in listed)
    return []


def descendants(pid: int) -> set[int]:
    return {found for child in children(pid) for found in {child, *descendants(child)}}


def lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
