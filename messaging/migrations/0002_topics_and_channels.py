"""What a shop starts with: four topics, two channels, and the rules of sending."""

from datetime import time

from django.db import migrations
from django.utils.translation import gettext_noop as _

TOPICS = (
    ("brand_news", _("Brand news"), True),
    ("promotions", _("Promotions"), True),
    ("order_updates", _("Order updates"), False),
    ("after_sales", _("After-sales service"), False),
)
CHANNELS = (("sms", "sandbox"), ("email", "smtp"))
# Thai aggregators take marketing texts between 09:00 and 20:00 only. Have it confirmed by yours.
THAI_NIGHT = {"starts": time(20), "ends": time(9), "marketing_only": True}
CAPS = (("day", 2), ("week", 5))


def fill(apps, schema_editor):
    Topic = apps.get_model("crm", "Topic")
    for slug, name, is_marketing in TOPICS:
        Topic.objects.get_or_create(slug=slug, defaults={"name": name, "is_marketing": is_marketing})
    ChannelSettings = apps.get_model("messaging", "ChannelSettings")
    for channel, provider in CHANNELS:
        ChannelSettings.objects.get_or_create(channel=channel, defaults={"provider": provider})
    for one in ("MessagingSettings", "Ledger"):
        apps.get_model("messaging", one).objects.get_or_create(pk=1)
    apps.get_model("messaging", "QuietHours").objects.get_or_create(channel="sms", country="TH", defaults=THAI_NIGHT)
    FrequencyCap = apps.get_model("messaging", "FrequencyCap")
    for per, limit in CAPS:
        FrequencyCap.objects.get_or_create(per=per, defaults={"limit": limit})


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial"), ("crm", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
