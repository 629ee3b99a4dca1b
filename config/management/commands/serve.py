"""The production web server."""

import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management.base import BaseCommand, CommandError
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from config.processes import die_with_parent

THREADS_PER_WORKER = 4


class Command(BaseCommand):
    help = "Serve the pages and the API. Put a TLS proxy in front before others can reach it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=1, help="processes; more than one want REDIS_URL")

    def handle(self, *args: Any, host: str, port: int, workers: int, **options: Any) -> None:
        if workers < 1:
            raise CommandError("--workers: at least 1.")
        refuse_taken_port(host, port)
        refuse_missing_files()
        die_with_parent()
        self.stdout.write(f"serving http://{host}:{port}/ with {workers} worker(s); stop with Ctrl-C")
        Granian(
            "config.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=workers,
            blocking_threads=THREADS_PER_WORKER,
            respawn_failed_workers=True,
            workers_kill_timeout=10,
            log_level=LogLevels.error,
            log_dictconfig=settings.LOGGING,
        ).serve()


def refuse_taken_port(host: str, port: int) -> None:
    """
    Raises:
        CommandError: something else listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise CommandError(
                f"{host}:{port} cannot be used: {problem.strerror}. Choose another with --port."
            ) from problem


def refuse_missing_files() -> None:
    """
    Raises:
        CommandError: pages would look for styles and scripts that nobody has collected.
    """
    manifest = getattr(staticfiles_storage, "manifest_name", None)
    if manifest and not staticfiles_storage.exists(manifest):
        raise CommandError("The static files are not collected. Run: manage.py collectstatic --no-input")
