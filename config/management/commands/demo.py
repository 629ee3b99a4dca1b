"""manage.py demo: make the demo shop."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from config.demo import install, shop
from crm.models import Customer, ReplayRun


class Command(BaseCommand):
    help = "Make the demo shop: 600 customers, 120 days, seven live flows. A second run changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        has_demo = ReplayRun.objects.filter(fingerprint__startswith="demo-").exists()
        if not has_demo and Customer.objects.exists():
            raise CommandError("this database holds customers already; the demo shop wants an empty one")
        with tqdm(unit=" happenings", file=sys.stderr, leave=False) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            made = install.install(now=timezone.now(), progress=show)
        self.stdout.write(
            f"{shop.NAME} is {'ready' if made else 'there'}: sign in at {settings.SITE_URL} as one of "
            f"{', '.join(username for username, *_ in shop.STAFF)}, password {install.PASSWORD}"
        )
