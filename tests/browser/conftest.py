"""A real browser on a live server. What it complains of on its console fails the test: scripts, styles, refusals."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from crm.models import User
from tests.conftest import BROWSERS
from tests.factories.crm import UserFactory

# Playwright keeps an event loop in this thread, which makes Django suspect async code; there is none.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(django_db_setup: None) -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)))
    database = connections["default"]
    with sync_playwright() as playwright:
        # While its event loop runs, Django would open another connection here, one that knows nothing of the rows
        # which the migrations wrote and which each test finds again.
        connections["default"] = database
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_as(browser: Browser, live_server: Any, django_db_serialized_rollback: None) -> Iterator[Open]:
    """`open_as(role)` is a page of the site, signed in; `width` and `theme` as asked. Without a role, a stranger's."""
    contexts, complaints = [], []

    def open_page(role: str = "", *, size: dict[str, int] | None = None, theme: str = "", **fields: Any) -> Page:
        context = browser.new_context(
            base_url=live_server.url, viewport=size or DESKTOP, has_touch=size == PHONE, locale="en-GB"
        )
        contexts.append(context)
        if role:
            client = Client()
            client.force_login(UserFactory(role=role, theme=theme, is_staff=False, **fields))
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [said for said in complaints if "status of 422" not in said] == []


@pytest.fixture
def manager(open_as: Open) -> Page:
    return open_as(User.Role.MANAGER, first_name="Mali")
