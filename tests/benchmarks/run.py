"""The named benchmarks on a database beside that of the environment; prints their rows as JSON. See __main__."""

import json
import sys
from importlib import import_module

import django
from django.db import connection


def main() -> None:
    django.setup()
    # A file, as in production; Django's own choice for tests would be the memory of this process.
    connection.settings_dict["TEST"]["NAME"] = f"{connection.settings_dict['NAME']}-bench"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        rows = [row for name in sys.argv[1:] for row in import_module(f"tests.benchmarks.{name}").rows()]
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    json.dump(rows, sys.stdout)


if __name__ == "__main__":
    main()
