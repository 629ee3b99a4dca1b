"""What all tests share."""

import os
import shutil

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase

from crm.lib import backlog, configuration

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def why_skipped(marker: str) -> str:
    """Why tests with `marker` cannot run here; "" when they can."""
    if marker == "postgres" and connection.vendor != "postgresql":
        return "needs PostgreSQL: tools/services.py starts one"
    if marker == "redis" and not os.environ.get("REDIS_URL"):
        return "needs Redis: tools/services.py starts one"
    if marker == "browser" and not (os.environ.get("CHROMIUM") or any(map(shutil.which, BROWSERS))):
        return "needs Chromium: install it, or set CHROMIUM to its path"
    return ""


def asks_no_database(item: pytest.Item) -> bool:
    """Whether the test says the same whatever the database is: `dev.py test` runs such a one once."""
    elsewhere = ("django_db", "browser", "postgres", "redis", "faults")
    fixtures = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    of_django = isinstance(case := getattr(item, "cls", None), type) and issubclass(case, TransactionTestCase)
    return not fixtures and not of_django and not any(item.get_closest_marker(marker) for marker in elsewhere)


def pytest_itemcollected(item: pytest.Item) -> None:
    if asks_no_database(item):
        item.add_marker("pure")


def keep_what_migrations_wrote(item: pytest.Item) -> None:
    """A transactional test empties the tables behind it: all of them must put the migrations' rows back, or none."""
    marker = item.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction") and not marker.kwargs.get("serialized_rollback"):
        item.add_marker(pytest.mark.django_db(**{**marker.kwargs, "serialized_rollback": True}), append=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright's event loop runs in the thread of the tests from its first test to the end: nothing else may follow.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    for item in items:
        keep_what_migrations_wrote(item)
        for marker in ("postgres", "redis", "browser"):
            if item.get_closest_marker(marker) and (reason := why_skipped(marker)):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def no_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doors for events have just counted, whenever the test before began; those who are about it count anew."""
    monkeypatch.setattr(backlog, "_found", (float("inf"), False))


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Rate limits and other memories of one test are nothing to the next."""
    cache.clear()
    configuration.forget()
