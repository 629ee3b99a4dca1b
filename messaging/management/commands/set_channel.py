"""Connect a channel to its provider, and switch it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from crm.lib.strict_json import InvalidJSON, read_object
from crm.models import Channel
from messaging.channels import registry
from messaging.models import ChannelSettings
from messaging.services import channels

DEEPEST = 16


class Command(BaseCommand):
    help = (
        "Have a channel go out through a provider, and print how it is connected. What is left out stays as it is. The "
        "settings are kept encrypted; on a machine that others use, --config-file keeps them off the process list."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("channel", choices=Channel.values)
        parser.add_argument("--provider", help=", ".join(registry.names()))
        settings = parser.add_mutually_exclusive_group()
        settings.add_argument("--config", help="its settings and credentials, a JSON object")
        settings.add_argument("--config-file", type=Path, help="the same, in a file")
        parser.add_argument("--sender", help="the name, number or address messages come from")
        parser.add_argument("--max-per-second", type=int, help="0: no limit")
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--on", action="store_true", default=None, help="the channel's kill switch")
        switch.add_argument("--off", dest="on", action="store_false", default=None, help="its messages wait")

    def handle(self, *args: Any, channel: str, **options: Any) -> None:
        now = ChannelSettings.objects.filter(channel=channel).first()
        provider = options["provider"] or (now and now.provider)
        if not provider:
            raise CommandError("--provider: the channel has none yet")
        rate = options["max_per_second"]
        try:
            row = channels.connect_channel(
                channel=channel,
                provider=provider,
                sender=_or(options["sender"], now.sender if now else ""),
                max_per_second=_or(rate, now.max_per_second if now else 0),
                config=_config(options["config"], options["config_file"]),
            )
        except ValidationError as error:
            raise CommandError(_words(error)) from error
        if options["on"] is not None:
            channels.switch_channel(row, on=options["on"])
            row.is_on = options["on"]
        rate = f"{row.max_per_second}/s" if row.max_per_second else "no limit"
        self.stdout.write(f"{channel}: {row.provider}, {rate}, {'on' if row.is_on else 'off'}")


def _or(given: Any, otherwise: Any) -> Any:
    return otherwise if given is None else given


def _config(text: str | None, path: Path | None) -> dict[str, Any] | None:
    try:
        raw = path.read_bytes() if path else text.encode() if text is not None else None
        return None if raw is None else read_object(raw, max_depth=DEEPEST)
    except OSError as error:
        raise CommandError(f"--config-file: {error.strerror}") from error
    except (InvalidJSON, UnicodeEncodeError) as error:
        raise CommandError(f"config: {error}") from error


def _words(error: ValidationError) -> str:
    return "\n".join(f"{field}: {message}" for field, found in error.message_dict.items() for message in found)
