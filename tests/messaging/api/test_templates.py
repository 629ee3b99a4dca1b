"""Templates by API."""

from typing import Any

import pytest

from messaging.models import Template
from tests.crm.api.conftest import Program, faults

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Program:
    return Program()


def test_a_template_is_added_and_its_next_version_replaces_it(api: Program) -> None:
    given = {"slug": "thanks-2", "channel": "sms", "variants": {"en": {"body": "Thank you"}, "th": {"body": "ขอบคุณ"}}}

    first = api.post("templates/", given)
    second = api.post("templates/", {**given, "variants": {"en": {"body": "Thanks"}}})

    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.json()["version"], second.json()["version"]) == (1, 2)
    assert first.json()["variants"]["th"] == {"subject": "", "body": "ขอบคุณ", "html": "", "mjml": ""}
    assert list(second.json()["variants"]) == ["en"]
    found = api.get("templates/?slug=thanks-2").json()["results"]
    assert [row["variants"]["en"]["body"] for row in found] == ["Thanks"]


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"slug": "No Good"}, [("/slug", "invalid")]),
        ({"channel": "fax"}, [("/channel", "invalid_choice")]),
        ({"variants": {}}, [("/variants", "required")]),
        ({"variants": {"english": {"body": "x"}}}, [("/variants/english", "invalid")]),
        ({"variants": {"en": {"body": ""}}}, [("/variants/en/body", "required")]),
        ({"variants": {"en": {"body": "{{ customer.api_key }}"}}}, [("/variants/en/body", "unknown_variable")]),
        ({"variants": {"en": {"body": "{% include 'x' %}"}}}, [("/variants/en/body", "unknown_tag")]),
        ({"variants": {"en": {"body": "x", "mjml": "<mjml></mjml>"}}}, [("/variants/en/mjml", "invalid")]),
        ({"variants": {"en": {"body": "x", "css": "y"}}}, [("/variants/en/css", "unknown_field")]),
        (
            {"channel": "email", "variants": {"": {"body": "x"}}},
            [("/variants/", "invalid"), ("/variants//subject", "required")],
        ),
        (
            {"channel": "email", "variants": {"en": {"body": "x", "subject": "a\r\nBcc: x"}}},
            [("/variants/en/subject", "invalid_header")],
        ),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_is_refused_with_its_places(
    api: Program, changes: dict[str, Any], places: list[tuple[str, str]]
) -> None:
    before = Template.objects.count()

    response = api.post(
        "templates/", {"slug": "thanks-2", "channel": "sms", "variants": {"en": {"body": "x"}}, **changes}
    )

    assert (response.status_code, faults(response)) == (400, places)
    assert Template.objects.count() == before


MJML = """
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {{ customer.name }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.mark.parametrize(
    ("document", "kind"), [(MJML, "mjml"), ("<!DOCTYPE html><p>Hi {{ customer.name }}</p>", "html")]
)
def test_an_email_whose_body_is_a_document_is_not_sent_as_its_source(api: Program, document: str, kind: str) -> None:
    texts = {"en": {"subject": "Hello", "body": document}, "th": {"subject": "x", "body": "1 < 2 <html>"}}

    answer = api.post("templates/", {"slug": "hello", "channel": "email", "variants": texts})

    kept = answer.json()["variants"]
    assert (answer.status_code, kept["en"]["body"], kept["en"][kind]) == (201, "", document)
    assert kept["th"] == {"subject": "x", "body": "1 < 2 <html>", "html": "", "mjml": ""}
    frozen = Template.objects.get().versions.get().variants.get(language="en")
    assert frozen.frozen_body.strip() == "Hi {{ customer.name }}"


def test_a_fault_in_such_a_document_is_named_where_it_was_sent(api: Program) -> None:
    wrong = {"en": {"subject": "x", "body": MJML.replace("customer.name", "customer.api_key")}}

    answer = api.post("templates/", {"slug": "hello", "channel": "email", "variants": wrong})

    assert (answer.status_code, faults(answer)) == (400, [("/variants/en/body", "unknown_variable")])


def test_an_sms_says_what_its_body_says_whatever_that_looks_like(api: Program) -> None:
    answer = api.post("templates/", {"slug": "x", "channel": "sms", "variants": {"en": {"body": "<html> is a tag"}}})

    assert answer.json()["variants"]["en"]["body"] == "<html> is a tag"
