"""Files that staff sent, behind signed addresses."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.lib.uploads import Upload
from crm.models import TicketAttachment
from crm.services.attachments import keep_files
from messaging.rendering import file_links
from messaging.rendering.file_links import file_url
from tests.factories.crm import TicketMessageFactory

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def attached(name: str = "leak.png", content: bytes = PNG, author: str = "staff") -> TicketAttachment:
    (row,) = keep_files(TicketMessageFactory(author=author), [Upload(name, content)])
    return row


def path_of(row: TicketAttachment, **ago: Any) -> str:
    return file_url(row.public_id, at=timezone.now() - timedelta(**ago)).partition("//")[2].partition("/")[2]


def test_a_picture_is_shown_and_cannot_run_anything() -> None:
    answer = Client().get(f"/{path_of(attached())}")
    assert (answer.status_code, answer["Content-Type"], b"".join(answer.streaming_content)) == (200, "image/png", PNG)
    assert answer["Content-Disposition"] == 'inline; filename="leak.png"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not answer.cookies


def test_anything_else_is_to_be_saved() -> None:
    answer = Client().get(f"/{path_of(attached('page.txt', b'<script>alert(1)</script>'))}")
    assert answer["Content-Disposition"] == 'attachment; filename="page.txt"'
    assert answer["Content-Type"] == "text/plain"


def test_it_is_good_for_thirty_days() -> None:
    row = attached()
    assert Client().get(f"/{path_of(row, days=29)}").status_code == 200
    assert Client().get(f"/{path_of(row, days=31)}").status_code == 404


@pytest.mark.parametrize("author", ["customer", "note"])
def test_what_a_customer_sent_and_what_is_on_a_note_have_no_address(author: str) -> None:
    assert Client().get(f"/{path_of(attached(author=author))}").status_code == 404


def test_a_bad_link_and_a_file_that_is_gone_are_the_same_page() -> None:
    row = attached()
    path = path_of(row)
    for bad in ("f/x/", path.replace("f/", "f/A", 1), path[:-3] + "/", "f/....../"):
        assert Client().get(f"/{bad}").status_code == 404
    assert row.file.name
    row.file.storage.delete(row.file.name)
    assert Client().get(f"/{path}").status_code == 404
    assert Client().post(f"/{path}").status_code == 405


@pytest.mark.parametrize(
    ("url", "is_public"),
    [
        ("https://crm.shop.example", True),
        ("https://8.8.8.8:8443", True),
        ("http://crm.shop.example", False),
        ("https://127.0.0.1", False),
        ("https://192.168.1.4", False),
        ("https://[::1]:8000", False),
        ("https://waymark", False),
        ("https://shop.local", False),
    ],
)
def test_which_addresses_somebody_outside_can_reach(url: str, is_public: bool, settings: Any) -> None:
    settings.SITE_URL = url
    assert file_links.is_public() == is_public
