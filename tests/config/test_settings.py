"""The product starts with what it needs, or says in one sentence what is missing."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

# Empty, not absent: a developer's own .env must not fill them in.
NO_SECRETS = {"DEBUG": "", "SECRET_KEY": "", "CREDENTIALS_KEY": "", "SUPPRESSION_PEPPER": ""}
SECRETS = {"SECRET_KEY": "a" * 64, "CREDENTIALS_KEY": "b" * 64, "SUPPRESSION_PEPPER": "c" * 64}


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "version"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": "sqlite://:memory:",
            **environment,
        },
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (NO_SECRETS, "SECRET_KEY is not set. Production needs it"),
        ({**SECRETS, "DEBUG": "", "CREDENTIALS_KEY": ""}, "CREDENTIALS_KEY is not set. Production needs it"),
        ({**SECRETS, "DEBUG": "", "SUPPRESSION_PEPPER": ""}, "SUPPRESSION_PEPPER is not set. Production needs it"),
        ({"DEBUG": "1", "DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must begin with sqlite:/// or postgres://."),
        ({"DEBUG": "1", "TASK_WORKERS": "two"}, 'TASK_WORKERS is "two"; it must be a whole number, 1 or more.'),
        ({"DEBUG": "1", "TASK_BROKER": "kafka"}, 'TASK_BROKER is "kafka"; it can be orm or redis.'),
        ({"DEBUG": "1", "TASK_BROKER": "redis", "REDIS_URL": ""}, "TASK_BROKER is redis, but REDIS_URL is not set."),
        ({"DEBUG": "1", "SHOP_TIME_ZONE": "GMT+7"}, 'SHOP_TIME_ZONE is "GMT+7"; it must be an IANA name'),
    ],
)
def test_a_setting_that_is_missing_or_wrong_stops_the_start_with_one_sentence(environment, sentence):
    done = start(**environment)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Waymark cannot start: {sentence}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("environment", [{**NO_SECRETS, "DEBUG": "1"}, {**SECRETS, "DEBUG": ""}])
def test_it_starts_in_development_without_secrets_and_in_production_with_them(environment):
    assert start(**environment).returncode == 0


def test_every_setting_of_the_environment_is_documented_and_no_other():
    source = (settings.BASE_DIR / "config" / "settings.py").read_text()
    read = set(re.findall(r'(?:env(?:\.\w+)?|_secret|_number)\(\s*"([A-Z_]+)"', source))
    page = (settings.BASE_DIR / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", page, flags=re.MULTILINE))

    assert documented == read
