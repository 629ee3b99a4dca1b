"""Let a storefront report: make its source and print what it needs to know."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify

from crm.models import Source
from crm.services import programs


class Command(BaseCommand):
    help = "Make a source for a storefront and print its write key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--kind", choices=[Source.Kind.SEGMENT.value], default=Source.Kind.SEGMENT.value)
        parser.add_argument("--slug", default="", help="the `source` of its records; made from the name unless given")
        parser.add_argument("--strict", action="store_true", help="answer 401 to unknown keys instead of 200")
        parser.add_argument(
            "--origin",
            action="append",
            default=[],
            help="a web page's origin that may report, e.g. https://shop.example.com",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["slug"] or slugify(options["name"])
        if not slug:
            raise CommandError("the name has no Latin letter or digit to make a short name of; give one with --slug")
        mode = Source.Mode.STRICT if options["strict"] else Source.Mode.LENIENT
        try:
            source = programs.create_source(
                name=options["name"], slug=slug, kind=options["kind"], mode=mode, allowed_origins=options["origin"]
            )
        except ValidationError as error:
            faults = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
            raise CommandError(faults) from error
        self.stdout.write(source.write_key)
