"""The two journeys every shop starts with."""

from django.db import migrations

from journeys.stages import presets


def install(apps, schema_editor):
    presets.install(*(apps.get_model("journeys", name) for name in ("Journey", "Stage", "StageRule")))


class Migration(migrations.Migration):
    dependencies = [("journeys", "0001_initial")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
