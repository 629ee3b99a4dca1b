"""
Leave room in the pages of rows that are written again soon.

A message grows to three times its size when it is sent (its text, what the policy said), an attempt gets its outcome.
Where a page has room for the new version of a row and no index knows the columns, PostgreSQL writes to no index at all.
"""

from typing import Any

from django.db import migrations

# Per cent of a page that inserts fill.
FILLED = {"messaging_message": 30, "messaging_attempt": 50}


def leave_room(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for table, percent in FILLED.items():
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_topics_and_channels")]
    operations = [migrations.RunPython(leave_room, migrations.RunPython.noop)]
