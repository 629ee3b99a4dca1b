#!/usr/bin/env python3
"""Django's command line for Waymark."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        # Read first, so that a missing setting is one sentence and not a trace.
        settings.configured or settings.DEBUG  # noqa: B018
    except ImproperlyConfigured as problem:
        sys.exit(f"Waymark cannot start: {problem}")
    execute_from_command_line(sys.argv)
