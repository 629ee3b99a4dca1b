"""The rules that hold for every call: who gets in, what a body may be, and how errors look."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from crm.api.problems import PROBLEMS
from crm.models import ApiKey, Customer, User
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_without_a_key_the_answer_is_401_and_says_how_to_come_in(client: Client) -> None:
    response = client.get("/api/v1/customers/")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="Waymark API"'
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("header", ["Bearer wm_live_nobody", "Bearer", "Basic d2tfdGVzdDo=", "wm_live_nobody"])
def test_a_wrong_key_opens_nothing(client: Client, header: str) -> None:
    response = client.get("/api/v1/customers/", headers={"Authorization": header})
    assert response.status_code == 401


def test_a_revoked_and_an_expired_key_are_told_so(api: Program) -> None:
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api.get("customers/").json()["code"] == "expired_key"
    ApiKey.objects.update(revoked_at=timezone.now())
    assert (api.get("customers/").status_code, api.get("customers/").json()["code"]) == (401, "revoked_key")


def test_a_key_used_from_elsewhere_is_refused() -> None:
    elsewhere = Program("customers:read", allowed_ips=["203.0.113.7"])
    response = elsewhere.get("customers/")
    assert (response.status_code, response.json()["code"]) == (403, "address_not_allowed")


def test_behind_our_proxy_the_last_forwarded_address_counts_and_not_what_the_caller_claims(
    settings: Settings,
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    program = Program("customers:read", allowed_ips=["203.0.113.7"])

    assert program.get("customers/", X_Forwarded_For="198.51.100.1, 203.0.113.7").status_code == 200
    assert program.get("customers/", X_Forwarded_For="203.0.113.7, 198.51.100.1").status_code == 403


def test_a_key_without_the_scope_is_refused_and_told_which(api: Program) -> None:
    storefront = Program("events:write")

    response = storefront.get("customers/")

    assert (response.status_code, response.json()["code"]) == (403, "missing_scope")
    assert "customers:read" in response.json()["detail"]


def test_staff_come_in_with_their_session_and_their_role() -> None:
    viewer = Client()
    viewer.force_login(UserFactory.create(role=User.Role.VIEWER))

    assert viewer.get("/api/v1/customers/").status_code == 200
    refused = viewer.post("/api/v1/customers/", {"name": "Ann"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert not Customer.objects.exists()


def test_a_session_without_the_csrf_token_changes_nothing() -> None:
    careless = Client(enforce_csrf_checks=True)
    careless.force_login(UserFactory.create(role=User.Role.ADMIN))

    response = careless.post("/api/v1/customers/", {"name": "Ann"}, content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert not Customer.objects.exists()


def test_other_origins_are_given_nothing(api: Program) -> None:
    response = api.get("customers/", Origin="https://evil.example.com")
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"name": "x", "name": "y"}', "duplicate_key"),
        (b'{"name": NaN}', "invalid_number"),
        (b'{"name": "\\u0000"}', "invalid_text"),
        (b'{"name": "\\ud800"}', "invalid_text"),
        ('{"name": "x"}'.encode("utf-16"), "invalid_encoding"),
        (b'["name"]', "not_an_object"),
        (b'{"attributes": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "too_deep"),
        (b"{name: 1}", "invalid_json"),
    ],
)
@pytest.mark.parametrize("path", ["customers/", "customers/upsert/", "events/", "tickets/"])
def test_json_with_corners_is_refused_by_name(api: Program, path: str, raw: bytes, code: str) -> None:
    response = api.post(path, raw)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not Customer.objects.exists()


def test_a_body_over_a_megabyte_is_413_and_stores_nothing(api: Program) -> None:
    raw = json.dumps({"name": "x", "attributes": {"a": "y" * 1024 * 1024}}).encode()

    response = api.post("customers/", raw)

    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert not Customer.objects.exists()


def test_another_media_type_is_415(api: Program) -> None:
    response = api.post("customers/", b"name=Ann", Content_Type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


def test_unknown_fields_are_refused_by_name_and_change_nothing(api: Program) -> None:
    customer = CustomerFactory.create(name="Ann")

    response = api.patch(f"customers/{customer.public_id}/", {"role": "admin", "is_superuser": True, "name": "Bo"})

    assert (response.status_code, response.json()["code"]) == (400, "unknown_field")
    assert faults(response) == [("/role", "unknown_field"), ("/is_superuser", "unknown_field")]
    customer.refresh_from_db()
    assert customer.name == "Ann"


def test_several_faults_are_all_told_with_their_places(api: Program) -> None:
    response = api.post(
        "customers/upsert/",
        {"identities": {"phone": "12", "mail": "x"}, "timezone": 5 * "Asia/Bangkok " + "x", "language": ["th"]},
    )

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert faults(response) == [
        ("/language", "invalid"),
        ("/timezone", "max_length"),
        ("/identities/mail", "unknown_field"),
    ] or set(faults(response)) == {
        ("/language", "invalid"),
        ("/timezone", "max_length"),
        ("/identities/mail", "unknown_field"),
    }


def test_unknown_parameters_are_refused_by_name(api: Program) -> None:
    response = api.get("purchases/?custmer=5")
    assert (response.status_code, response.json()["code"]) == (400, "unknown_parameter")
    assert "custmer" in response.json()["detail"]


@pytest.mark.parametrize("path", ["customers/?search=%00", "purchases/web/a%00b/", "events/?event=a%00"])
def test_a_nul_in_the_address_is_refused(api: Program, path: str) -> None:
    response = api.get(path)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_text")


def test_where_there_is_nothing_the_answer_is_a_problem_and_never_a_page(api: Program, client: Client) -> None:
    for response in (api.get("custommers/"), api.get("customers/1/"), client.post("/api/v1/customers")):
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert api.put("customers/", {}).status_code == 405


def test_an_accept_header_changes_nothing(api: Program) -> None:
    assert api.get("customers/", Accept="text/html")["Content-Type"] == "application/json"


def test_our_own_failure_has_an_id_and_tells_nothing_else(api: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("SELECT secret FROM /srv/waymark")

    monkeypatch.setattr("crm.services.customers.upsert_customer", broken)

    response = api.post("customers/upsert/", {"identities": {"email": "a@example.com"}}, X_Request_Id="abc-123")

    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert response.json()["id"] == response["X-Request-Id"] == "abc-123"
    assert "SELECT" not in response.content.decode()
    assert "srv" not in response.content.decode()


def test_a_database_that_does_not_answer_is_503_and_to_be_tried_again(
    api: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("crm.services.customers.upsert_customer", broken)

    response = api.post("customers/upsert/", {"identities": {"email": "a@example.com"}})

    assert (response.status_code, response.json()["code"]) == (503, "db_unavailable")
    assert response["Retry-After"] == "5"


def test_calls_are_counted_and_the_one_too_many_is_told_when_to_come_back(api: Program, settings: Settings) -> None:
    settings.API_RATE_PER_MINUTE = 2

    first, _second, third = (api.get("products/") for _ in range(3))

    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert (third.status_code, third.json()["code"]) == (429, "rate_limited")
    assert third["Retry-After"] == third["RateLimit-Reset"]
    assert 1 <= int(third["Retry-After"]) <= 60


def test_answers_are_never_cached(api: Program) -> None:
    assert api.get("products/")["Cache-Control"] == "no-store"


def test_the_type_of_a_problem_leads_to_what_it_means(api: Program, settings: Settings) -> None:
    kind = api.get("products/?x=1").json()["type"]

    assert kind == f"{settings.SITE_URL}/api/problems/unknown_parameter/"
    meaning = api.client.get(kind.removeprefix(settings.SITE_URL)).json()
    assert (meaning["code"], meaning["status"]) == ("unknown_parameter", 400)
    assert api.client.get("/api/problems/nonsense/").status_code == 404


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_a_page(client: Client, code: str) -> None:
    assert client.get(f"/api/problems/{code}/").status_code == 200


def every_view() -> list[Any]:
    from django.urls import get_resolver

    def walk(patterns: Any) -> Any:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns)
            else:
                yield pattern.callback

    return [view for view in walk(get_resolver().url_patterns) if getattr(view, "cls", None)]


def test_every_view_of_the_api_stands_behind_the_door() -> None:
    from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

    from crm.api.base import Door

    open_to_all = (SpectacularAPIView, SpectacularSwaggerView)
    assert [view.cls for view in every_view() if not issubclass(view.cls, (Door, *open_to_all))] == []
