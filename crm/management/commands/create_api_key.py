"""Make an API key for a program and print it, this once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from django.utils import timezone

from crm.access import keys


class Command(BaseCommand):
    help = "Make an API key and print it. Only its hash is kept: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--scopes", required=True, help=f"separated by commas, of: {', '.join(keys.SCOPES)}")
        parser.add_argument("--source", default="api", help="the `source` of the records it writes")
        parser.add_argument(
            "--allow-ip", action="append", default=[], help="an address or network (CIDR) it is used from"
        )
        parser.add_argument("--days", type=int, help="expires after so many days")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        try:
            validate_slug(options["source"])
            made = keys.create_key(
                name=options["name"],
                scopes=scopes,
                source=options["source"],
                allowed_ips=options["allow_ip"],
                expires_at=expires_at,
            )
        except (keys.UnknownScope, keys.InvalidAddress, keys.ReservedSource) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(f"--source: {' '.join(error.messages)}") from error
        self.stdout.write(made.secret)
