"""Emails drawn in a frame."""

import pytest
from django.test import Client

from messaging.models import TemplateVariant
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ customer.name }}</mj-text></mj-column></mj-section>"
    "</mj-body></mjml>"
)


def test_a_kept_email_is_drawn_fenced_in(manager: Client) -> None:
    CustomerFactory(name="Ploy <script>")
    template = make_template("thanks", "email", en="")
    TemplateVariant.objects.update(mjml=MJML)
    page = manager.get(template.get_absolute_url()).content.decode()
    url = f"{template.get_absolute_url()}letter/en/"
    assert f'src="{url}"' in page
    answer = manager.get(url)
    assert "Hi Ploy &lt;script&gt;" in answer.content.decode()
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_what_is_typed_is_drawn_before_it_is_saved(manager: Client) -> None:
    CustomerFactory(name="Ploy")
    sent = {"name": "x", "slug": "x", "th_subject": "S", "th_mjml": MJML}
    answer = manager.post("/templates/letter/th/", sent)
    assert "Hi Ploy" in answer.content.decode()
    assert 'lang="th"' in answer.content.decode()
    assert "sandbox" in answer["Content-Security-Policy"]
    assert manager.post("/templates/letter/en/", sent).status_code == 404
    faulty = manager.post("/templates/letter/th/", {**sent, "th_mjml": "<mjml>"})
    assert (faulty.status_code, faulty.content) == (200, b"")


def test_a_language_it_is_not_written_in_is_not_found(manager: Client) -> None:
    template = make_template("thanks", "email", en="Hi")
    assert manager.get(f"{template.get_absolute_url()}letter/th/").status_code == 404
