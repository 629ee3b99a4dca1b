"""The Segment door: who gets in, how it answers, and what it never does."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries, Settings

from crm.lib import backlog
from crm.models import Customer, Event, RejectedEvent, Source
from tests.crm.webhooks.conftest import OK, Storefront

pytestmark = pytest.mark.django_db
VIEWED: dict[str, Any] = {
    "type": "track", "event": "Product Viewed", "userId": "42", "messageId": "m-1",
    "timestamp": "2026-03-02T12:00:00.000Z", "properties": {"sku": "KTL-1"},
}  # fmt: skip


def facts() -> list[str]:
    return list(Event.objects.exclude(name="Customer Created").order_by("pk").values_list("name", flat=True))


def rejected() -> list[str]:
    return list(RejectedEvent.objects.order_by("pk").values_list("code", flat=True))


@pytest.mark.parametrize(
    ("path", "body", "stored"),
    [
        ("/v1/track", VIEWED, ["Product Viewed"]),
        ("/v1/t", {**VIEWED, "type": "anything"}, ["Product Viewed"]),
        ("/v1/page/", {"anonymousId": "c1", "name": "Home"}, ["Page Viewed"]),
        ("/v1/p", {"anonymousId": "c1"}, ["Page Viewed"]),
        ("/v1/screen", {"anonymousId": "c1", "name": "Home"}, ["Screen Viewed"]),
        ("/v1/s/", {"anonymousId": "c1"}, ["Screen Viewed"]),
        ("/v1/identify", {"userId": "42", "traits": {"email": "a@b.co"}}, []),
        ("/v1/i", {"userId": "42"}, []),
        ("/v1/group", {"userId": "42", "groupId": "g1"}, []),
        ("/v1/g", {"userId": "42", "groupId": "g1"}, []),
        ("/v1/alias", {"userId": "42", "previousId": "c1"}, []),
        ("/v1/a", {"userId": "42", "previousId": "c1"}, []),
        ("/v1/batch", {"batch": [VIEWED]}, ["Product Viewed"]),
        ("/v1/batch/", {"batch": [VIEWED]}, ["Product Viewed"]),
        ("/v1/import", {"batch": [VIEWED]}, ["Product Viewed"]),
        ("/v1/import/", {"batch": [VIEWED]}, ["Product Viewed"]),
        ("/v1/b", {"batch": [VIEWED]}, ["Product Viewed"]),
        ("/beacon/v1/batch?writeKey=wk_test", {"batch": [VIEWED]}, ["Product Viewed"]),
    ],
)
def test_every_path_of_every_client_takes_its_messages(
    shop: Storefront, path: str, body: dict[str, Any], stored: list[str]
) -> None:
    response = shop.post(path, body)

    assert (response.status_code, response.json()) == OK
    assert response["Content-Type"] == "application/json"
    assert facts() == stored
    assert rejected() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", "application/octet-stream"])
def test_whatever_the_content_type_says_it_is_json(shop: Storefront, kind: str) -> None:
    assert shop.post("/v1/track", VIEWED, Content_Type=kind).status_code == 200
    assert facts() == ["Product Viewed"]


@pytest.mark.parametrize(
    ("header", "body_key", "query"),
    [
        ("Basic " + base64.b64encode(b"wk_test:").decode(), "", ""),
        ("Basic " + base64.b64encode(b"wk_test").decode(), "", ""),
        ("basic " + base64.b64encode(b"wk_test:secret").decode(), "", ""),
        ("", "wk_test", ""),
        ("Bearer some-oauth-token", "wk_test", ""),
        ("Basic !!!", "wk_test", ""),
        ("", "", "?writeKey=wk_test"),
    ],
)
def test_the_write_key_is_taken_wherever_a_client_puts_it(
    shop: Storefront, header: str, body_key: str, query: str
) -> None:
    body = {"batch": [VIEWED], **({"writeKey": body_key} if body_key else {})}

    shop.post(f"/v1/batch{query}", body, key=None, **({"Authorization": header} if header else {}))

    assert facts() == ["Product Viewed"]


def test_the_write_key_is_not_kept_with_what_was_refused(shop: Storefront) -> None:
    shop.post("/v1/track", {"userId": "42", "writeKey": "wk_test"}, key=None)
    assert "wk_test" not in json.dumps(RejectedEvent.objects.get().payload)


def test_an_unknown_key_is_answered_200_and_shown_once_a_minute_without_what_it_sent(shop: Storefront) -> None:
    for _ in range(3):
        response = shop.post("/v1/track", VIEWED, key="wk_nobody_knows")
        assert (response.status_code, response.json()) == OK

    assert facts() == []
    stranger = RejectedEvent.objects.get()
    assert (stranger.code, stranger.payload) == ("invalid_write_key", {})
    assert stranger.message == "unknown write key: it begins with wk_nobod"


def test_a_source_that_was_switched_off_takes_nothing(shop: Storefront) -> None:
    Source.objects.update(is_active=False)
    assert shop.post("/v1/track", VIEWED).status_code == 200
    assert facts() == []
    Source.objects.update(mode="strict")
    assert shop.post("/v1/track", VIEWED).status_code == 401


def test_a_strict_house_answers_401_in_words_that_old_clients_read(db: None) -> None:
    shop = Storefront(mode=Source.Mode.STRICT)

    response = shop.post("/v1/batch", {"batch": [VIEWED]}, key="wk_nobody")

    assert response.status_code == 401
    assert response.json() == {
        "success": False,
        "code": "invalid_write_key",
        "message": "Unknown write key",
        "error": "invalid_write_key",
    }
    assert shop.post("/v1/batch", {"batch": [VIEWED]}).status_code == 200


def test_one_lenient_source_keeps_the_house_lenient(db: None) -> None:
    shop = Storefront(mode=Source.Mode.STRICT)
    Source.objects.create(name="Old shop", slug="old", write_key="wk_old")
    assert shop.post("/v1/track", VIEWED, key="wk_nobody").status_code == 200


def test_gzip_is_unpacked(shop: Storefront) -> None:
    packed = gzip.compress(json.dumps({"batch": [VIEWED]}).encode())
    shop.post("/v1/batch", packed, Content_Encoding="gzip")
    assert facts() == ["Product Viewed"]


@pytest.mark.parametrize(
    ("raw", "headers", "code"),
    [
        (b"{", {}, "invalid_json"),
        (b"[]", {}, "not_an_object"),
        (b'{"a": "\\u0000"}', {}, "invalid_text"),
        (b'{"batch": ' + b"[" * 100_000, {}, "too_deep"),
        (b'{"a": "' + b"x" * 500 * 1024 + b'"}', {}, "too_large"),
        (gzip.compress(b" " * 600 * 1024), {"Content_Encoding": "gzip"}, "too_large"),
        (b"no gzip", {"Content_Encoding": "gzip"}, "invalid_request"),
    ],
)
def test_what_cannot_be_read_is_400_with_code_message_and_error(
    shop: Storefront, raw: bytes, headers: dict[str, str], code: str
) -> None:
    response = shop.post("/v1/batch", raw, **headers)

    assert response.status_code == 400
    body = response.json()
    assert (body["success"], body["code"], body["error"]) == (False, code, code)
    assert body["message"]


def test_a_body_of_just_under_500_kb_is_taken(shop: Storefront) -> None:
    pages = [{"type": "page", "anonymousId": "c1", "properties": {"x": "y" * 30_000, "n": n}} for n in range(16)]
    body = {"batch": pages}
    assert 480_000 < len(json.dumps(body)) < 500 * 1024
    shop.send(*pages)
    assert len(facts()) == 16


def test_bad_messages_are_kept_with_their_reason_and_refuse_no_other(shop: Storefront) -> None:
    shop.send(
        {**VIEWED, "type": "dance"},
        {**VIEWED, "userId": None},
        {**VIEWED, "event": ""},
        "no object",
        {**VIEWED, "properties": {"x": "y" * 33_000}},
        {"type": "group", "userId": "42"},
        {**VIEWED, "messageId": "m-2"},
    )

    assert facts() == ["Product Viewed"]
    assert sorted(rejected()) == ["no_event", "no_group", "no_identity", "not_an_object", "too_large", "unknown_type"]
    assert set(RejectedEvent.objects.values_list("source", flat=True)) == {"web"}


def test_over_2500_messages_the_answer_is_200_and_all_are_refused(shop: Storefront) -> None:
    shop.send(*[{"type": "page", "anonymousId": "c", "messageId": str(n)} for n in range(2501)])

    assert facts() == []
    assert rejected() == ["batch_too_large"]


def test_a_batch_that_is_none_is_kept(shop: Storefront) -> None:
    assert shop.post("/v1/batch", {"batch": {}}).status_code == 200
    assert rejected() == ["no_batch"]


def test_the_same_message_again_is_the_same_fact_however_often_a_client_retries(shop: Storefront) -> None:
    for _ in range(3):
        shop.send(VIEWED, VIEWED)

    assert facts() == ["Product Viewed"]
    assert rejected() == []


def test_another_storefronts_message_of_the_same_id_is_another_fact(shop: Storefront) -> None:
    Source.objects.create(name="Other", slug="other", write_key="wk_other")
    shop.send(VIEWED)
    shop.post("/v1/batch", {"batch": [VIEWED]}, key="wk_other")
    assert facts() == ["Product Viewed"] * 2
    assert Customer.objects.count() == 2  # each storefront has user ids of its own


def test_without_a_message_id_equal_messages_are_one(shop: Storefront) -> None:
    nameless = {key: value for key, value in VIEWED.items() if key != "messageId"}
    shop.send(nameless, nameless, {**nameless, "properties": {"sku": "KTL-2"}}, {**nameless, "userId": "43"})
    assert len(facts()) == 3


def test_a_preflight_is_answered_for_the_origins_of_the_source_alone(db: None) -> None:
    shop = Storefront(allowed_origins=["https://shop.example.com/"])

    allowed = shop.client.options("/v1/t", headers={"Origin": "https://shop.example.com"})
    evil = shop.client.options("/v1/t", headers={"Origin": "https://evil.example.com"})

    assert (allowed.status_code, allowed["Access-Control-Allow-Origin"]) == (204, "https://shop.example.com")
    for header in ("authorization", "content-type", "x-retry-count", "anonymousid", "sentat", "rsa-recovered"):
        assert header in allowed["Access-Control-Allow-Headers"]
    assert "Origin" in allowed["Vary"]
    assert "Access-Control-Allow-Origin" not in evil.headers
    posted = shop.post("/v1/t", VIEWED, Origin="https://shop.example.com")
    assert posted["Access-Control-Allow-Origin"] == "https://shop.example.com"
    assert "Access-Control-Allow-Credentials" not in posted.headers


def test_the_settings_echo_the_key_and_lead_back_to_us(shop: Storefront, settings: Settings) -> None:
    settings.SITE_URL = "https://crm.example.com"

    for path in ("/v1/projects/wk_test/settings", "/v1/projects/any-key/settings/"):
        body = shop.client.get(path).json()
        key = path.split("/")[3]
        assert body["integrations"]["Segment.io"]["apiKey"] == key
        assert body["integrations"]["Segment.io"]["apiHost"] == "crm.example.com/v1"
        assert body["integrations"]["Segment.io"]["protocol"] == "https"
        assert body["plan"]["track"]["__default"]["enabled"] is True


def test_the_clients_own_measurements_are_dropped(shop: Storefront) -> None:
    response = shop.post("/v1/m", {"series": []})
    assert (response.status_code, response.json()) == OK


def test_a_get_is_405_and_no_page(shop: Storefront) -> None:
    response = shop.client.get("/v1/track")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_too_many_calls_are_told_when_to_come_back(shop: Storefront, settings: Settings) -> None:
    settings.API_RATE_PER_MINUTE = 0

    response = shop.post("/v1/track", VIEWED)

    assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
    assert response["Retry-After"] == response["X-RateLimit-Reset"]
    assert 1 <= int(response["Retry-After"]) <= 60


@pytest.mark.parametrize(("error", "status"), [(OperationalError("gone"), 503), (RuntimeError("SELECT"), 500)])
def test_when_we_fail_the_answer_lets_the_client_try_again_and_tells_nothing(
    shop: Storefront, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("crm.services.ingest.ingest_many", broken)

    response = shop.post("/v1/track", VIEWED)

    assert response.status_code == status
    assert set(response.json()) == {"success", "code", "message", "error"}
    assert "SELECT" not in response.content.decode()


def test_the_source_was_last_heard_of_now(shop: Storefront) -> None:
    assert shop.source.last_event_at is None
    shop.send(VIEWED)
    shop.source.refresh_from_db()
    assert shop.source.last_event_at is not None


def test_a_batch_of_plain_facts_costs_the_same_queries_whatever_its_size(
    shop: Storefront, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def batch(prefix: str, size: int) -> list[dict[str, Any]]:
        return [{**VIEWED, "messageId": f"{prefix}-{n}", "userId": str(n % 20)} for n in range(size)]

    shop.send(*batch("warm", 20))
    costs = []
    for size in (40, 500):
        with django_assert_max_num_queries(100) as counted:
            shop.send(*batch(str(size), size))
        costs.append(len(counted))

    assert costs[0] == costs[1]
    assert costs[0] <= 25


def test_past_a_backlog_messages_are_asked_to_come_later(shop: Storefront, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_found", (float("inf"), True))

    response = shop.post("/v1/track", VIEWED)

    assert (response.status_code, response["Retry-After"], response.json()["code"]) == (503, "30", "backlog_full")
    assert facts() == []
