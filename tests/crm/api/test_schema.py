"""The schema, its page, and whether the server keeps what the schema promises."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from config.wsgi import application
from tests.crm.api.conftest import Program
from tests.factories.crm import CustomerFactory, PurchaseFactory, ReviewFactory, TicketFactory, TouchpointFactory

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_and_made_without_a_warning(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_every_operation_is_summed_up_and_may_answer_with_a_problem(client: Client) -> None:
    paths = client.get("/api/schema/?format=json").json()["paths"]

    operations = [operation for path in paths.values() for operation in path.values() if "responses" in operation]
    assert len(operations) >= 29
    for operation in operations:
        assert operation.get("summary"), operation["operationId"]
        problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}


def test_the_schema_and_its_page_are_open_to_all_and_load_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/api/docs/")

    assert page.status_code == client.get("/api/schema/").status_code == 200
    text = page.content.decode()
    assert "https://" not in text
    assert "<style" not in text
    assert "<script>" not in text
    assert client.get("/api/docs/?script=").headers["Content-Type"] == "application/javascript"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_the_server_never_fails(mode: GenerationMode, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few examples of every operation, in keeping with the schema and against it."""
    # A WSGI server gives its connection up after each request; here the test's transaction lives on it.
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
    for factory in (PurchaseFactory, TicketFactory, ReviewFactory, TouchpointFactory, CustomerFactory):
        factory.create()
    headers = {"Authorization": f"Bearer {Program().secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", application)

    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=4, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            cache.clear()
            case.call_and_validate(headers=headers, checks=[not_a_server_error])

        send()
