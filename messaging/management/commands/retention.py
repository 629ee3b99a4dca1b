"""Forget what has served its time."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from messaging.models import MessagingSettings
from messaging.services import retention


class Command(BaseCommand):
    help = (
        "Forget what is older than Settings, What is kept, allows: delete it, or take off what it says of people. The "
        "worker does so each night."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many rows it would be")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        now = timezone.now()
        done: Counter[str] = Counter(retention.count_over(now=now) if dry_run else {})
        while not dry_run and (some := retention.forget_some(now=now)).total():
            done += some
        settings = MessagingSettings.current()
        for duty in retention.DUTIES:
            days = getattr(settings, duty.setting)
            self.stdout.write(f"{done[duty.name]:>12,}  {duty.name}, older than {days} days")
        if dry_run:
            self.stdout.write("Nothing was changed.")
