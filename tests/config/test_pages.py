"""What people and programs see when something is amiss."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from config.urls import handler400, handler403, handler404, handler500  # noqa: F401 - the URL map under test

pytestmark = pytest.mark.urls(__name__)


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("secret inside")


def refuses(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("customers.edit")


def suspects(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("secret inside")


urlpatterns = [
    path("fails", fails),
    path("refuses", refuses),
    path("suspects", suspects),
    path("api/v1/fails", fails),
    path("api/", include("crm.api.urls")),  # an answer says under its address there what it means
]


@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/suspects", 400, "This request cannot be understood"),
        ("/refuses", 403, "Your role does not allow this"),
        ("/nowhere", 404, "There is nothing here"),
        ("/fails", 500, "Something went wrong on our side"),
    ],
)
def test_a_mishap_has_a_page_that_says_what_to_do_and_nothing_of_the_inside(client, address, status, title):
    client.raise_request_exception = False

    answer = client.get(address)

    assert answer.status_code == status
    assert f"<h1>{title}</h1>" in answer.content.decode()
    assert b"secret inside" not in answer.content
    assert b"customers.edit" not in answer.content


def test_a_failure_shows_the_number_under_which_the_log_has_it(client, caplog):
    client.raise_request_exception = False

    answer = client.get("/fails", headers={"X-Request-Id": "order-4711"})

    assert b"<code>order-4711</code>" in answer.content
    assert answer.headers["X-Request-Id"] == "order-4711"


def test_programs_are_answered_in_their_own_words(client):
    client.raise_request_exception = False

    failed = client.get("/api/v1/fails", headers={"X-Request-Id": "order-4712"})
    missing = client.get("/v1/nowhere")

    assert failed.headers["Content-Type"] == missing.headers["Content-Type"] == "application/problem+json"
    assert (failed.status_code, failed.json()["id"]) == (500, "order-4712")
    assert [answer.json()["code"] for answer in (failed, missing)] == ["internal", "not_found"]
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        "The address may be mistyped, or the record gone.",
    )


def test_a_form_that_lost_its_token_says_how_to_go_on(client):
    client.handler.enforce_csrf_checks = True

    answer = client.post("/refuses")

    assert answer.status_code == 403
    assert b"<h1>This form has expired</h1>" in answer.content


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("th", "th")])
def test_the_page_names_its_language(client, language, tag):
    answer = client.get("/nowhere", headers={"Accept-Language": language})

    assert f'<html lang="{tag}">' in answer.content.decode()
