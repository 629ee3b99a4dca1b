"""The API's own page: it comes from our own files, within our own content security policy."""

import pytest

from tests.browser.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_api_can_be_read_without_anything_from_elsewhere(open_as: Open) -> None:
    page = open_as()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto("/api/docs/")

    page.get_by_text("/api/v1/customers/upsert/").wait_for()
    page.get_by_text("Make a customer known, or update them").wait_for()
    host = page.url.split("/api/")[0]
    assert {url for url in asked if not url.startswith((host, "data:"))} == set()
