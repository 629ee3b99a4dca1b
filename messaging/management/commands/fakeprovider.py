"""An SMS gateway on this machine that goes wrong on purpose."""

import asyncio
import signal
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from messaging.management.fake_gateway import (
    FakeGateway,
    InvalidFaults,
    InvalidLedger,
    Mode,
    config_for,
    open_ledger,
    read_faults,
)


class Command(BaseCommand):
    help = (
        "Play an SMS gateway on this machine, with faults, and keep a ledger of what it accepted. Prints its address "
        "and the settings for `set_channel sms --provider http_sms --config …`. Ctrl-C or SIGTERM ends it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mode", choices=[*Mode], default=Mode.IDEM.value, help="what a lost answer leaves to do")
        parser.add_argument("--fault", default="", help="shares of the calls that go wrong: 500=.03,reset=.02,slow=.02")
        parser.add_argument("--port", type=int, default=0, help="0 takes any that is free")
        parser.add_argument(
            "--ledger",
            type=Path,
            help="a file with a line of JSON for each accepted message; it goes on where that ends",
        )
        parser.add_argument("--delay-ms", type=int, default=20, help="how long each answer takes")
        parser.add_argument("--seed", type=int, default=0, help="of the lots that say which call goes wrong")
        parser.add_argument("--seconds", type=float, help="end by itself after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            faults = read_faults(options["fault"])
        except InvalidFaults as error:
            raise CommandError(f"--fault: {error}") from error
        with ExitStack() as files:
            try:
                gateway = FakeGateway(
                    mode=Mode(options["mode"]),
                    faults=faults,
                    delay=max(options["delay_ms"], 0) / 1000,
                    seed=options["seed"],
                    ledger=files.enter_context(_ledger(options["ledger"])) if options["ledger"] else None,
                )
            except InvalidLedger as error:
                raise CommandError(f"--ledger: {error}") from error
            asyncio.run(self._serve(gateway, options["port"], options["seconds"]))

    async def _serve(self, gateway: FakeGateway, port: int, seconds: float | None) -> None:
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        for wish in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(wish, ended.set)
        try:
            async with gateway.serve(port) as address:
                config = orjson.dumps(config_for(address, gateway.mode)).decode()
                self.stdout.write(f"{address} {config}")
                self.stdout.flush()
                async with asyncio.timeout(seconds):
                    await ended.wait()
        except TimeoutError:
            pass  # the seconds are over
        except OSError as error:
            raise CommandError(f"--port: {error.strerror}") from error


def _ledger(path: Path) -> IO[bytes]:
    try:
        return open_ledger(path)
    except OSError as error:
        raise CommandError(f"--ledger: {error.strerror}") from error
