"""All benchmarks on the database of the environment; prints their rows as JSON. Called by the package's main."""

import json
import sys

import django
from django.db import connection


def main() -> None:
    django.setup()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        from tests.benchmarks import doors, ingest, rules, sending, steps

        rows = [*ingest.rows(), *doors.rows(), *steps.rows(), *sending.rows(), *rules.rows()]
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
