"""What every page brings along."""

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.factories.shop import fill_shop

pytestmark = pytest.mark.django_db
SCRIPTS_BUDGET = 60_000
INLINE = re.compile(r"<style|<script(?![^>]* src=)|\s(style|on\w+|hx-on[^=]*)=", re.IGNORECASE)


def test_scripts_stay_small(manager: Client) -> None:
    page = manager.get("/").content.decode()
    names = re.findall(r'<script[^>]* src="/static/([^"]+)"', page)
    assert len(names) == 3
    found = [Path(finders.find(re.sub(r"\.[0-9a-f]{12}(?=\.)", "", name)) or "") for name in names]
    assert sum(len(gzip.compress(path.read_bytes())) for path in found) <= SCRIPTS_BUDGET


def test_only_our_own_files_speak(manager: Client) -> None:
    response = manager.get("/")
    policy = {parts[0]: parts[1:] for part in response["Content-Security-Policy"].split(";") if (parts := part.split())}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]


@pytest.mark.parametrize(
    "address", ["/", "/customers/", "/inbox/", "/reviews/", "/reach/", "/journeys/", "/accounts/login/"]
)
def test_no_page_styles_or_scripts_inline(manager: Client, address: str) -> None:
    fill_shop(1)
    page = (Client() if address.startswith("/accounts/") else manager).get(address).content.decode()
    assert [match[0] for match in INLINE.finditer(page)] == []
