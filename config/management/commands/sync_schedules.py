"""Bring django-q's schedule rows in line with config/schedules.py."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from config.schedules import NIGHTLY, Nightly
from crm.lib.zones import zone
from crm.models import Shop


class Command(BaseCommand):
    help = "Write the table of config/schedules.py to the database; rows it does not name are deleted."

    @transaction.atomic
    def handle(self, *args: Any, verbosity: int, **options: Any) -> None:
        removed, _ = Schedule.objects.exclude(name__in=[job.name for job in NIGHTLY]).delete()
        for job in NIGHTLY:
            Schedule.objects.update_or_create(
                name=job.name,
                defaults={"func": job.func, "schedule_type": Schedule.DAILY, "repeats": -1},
                create_defaults={
                    "func": job.func,
                    "schedule_type": Schedule.DAILY,
                    "repeats": -1,
                    "next_run": first_run(job, timezone.now()),
                },
            )
        if verbosity:
            self.stdout.write(f"{len(NIGHTLY)} schedules in place, {removed} removed")


def first_run(job: Nightly, now: datetime) -> datetime:
    """The next time the shop's clock shows `job.at`."""
    local = now.astimezone(zone(Shop.current().time_zone, "UTC"))
    at = datetime.combine(local.date(), job.at, local.tzinfo)
    return at if at > local else at + timedelta(days=1)
