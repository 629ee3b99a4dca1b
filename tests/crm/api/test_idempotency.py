"""Idempotency-Key: the same call again is answered, not done, again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from crm.models import Customer, IdempotencyRecord, Ticket
from tests.crm.api.conftest import Program

TICKET = {"customer": {"email": "ploy@example.com"}, "subject": "Which size?", "body": "M or L?"}


def test_the_same_call_again_gets_the_stored_answer_and_does_nothing(api: Program) -> None:
    first = api.post("tickets/", TICKET, Idempotency_Key="k1")
    again = api.post("tickets/", TICKET, Idempotency_Key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in first.headers
    assert again["Idempotency-Replayed"] == "true"
    assert Ticket.objects.count() == 1


def test_the_key_with_another_body_is_422(api: Program) -> None:
    api.post("tickets/", TICKET, Idempotency_Key="k1")

    response = api.post("tickets/", {**TICKET, "subject": "Which colour?"}, Idempotency_Key="k1")

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Ticket.objects.count() == 1


def test_two_programs_may_use_the_same_key(api: Program) -> None:
    api.post("tickets/", TICKET, Idempotency_Key="k1")
    assert "Idempotency-Replayed" not in Program().post("tickets/", TICKET, Idempotency_Key="k1").headers
    assert Ticket.objects.count() == 2


def test_a_refused_call_leaves_its_key_free_for_the_corrected_one(api: Program) -> None:
    assert api.post("tickets/", {**TICKET, "subject": ""}, Idempotency_Key="k1").status_code == 400
    assert api.post("tickets/", TICKET, Idempotency_Key="k1").status_code == 201


def test_a_call_that_failed_on_our_side_can_be_made_again(api: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("crm.services.tickets.log.record_many", lambda *args, **kwargs: 1 / 0)
        assert api.post("tickets/", TICKET, Idempotency_Key="k1").status_code == 500
    assert not Ticket.objects.exists()
    assert not Customer.objects.exists()
    assert not IdempotencyRecord.objects.exists()

    assert api.post("tickets/", TICKET, Idempotency_Key="k1").status_code == 201


def test_after_two_days_a_key_is_new_again(api: Program) -> None:
    api.post("tickets/", TICKET, Idempotency_Key="k1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=48, seconds=1))

    assert "Idempotency-Replayed" not in api.post("tickets/", TICKET, Idempotency_Key="k1").headers
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize("key", ["x" * 256, "a\x7f"])
def test_a_key_that_is_none_is_refused(api: Program, key: str) -> None:
    response = api.post("tickets/", TICKET, Idempotency_Key=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_the_same_call_from_eight_threads_at_once_is_done_once() -> None:
    cache.clear()
    program = Program()

    def call(_number: int) -> tuple[int, str]:
        try:
            response = program.post("tickets/", TICKET, Idempotency_Key="k1")
            return response.status_code, response.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(call, range(8)))

    assert len(answers) == 1
    assert answers.pop()[0] == 201
    assert Ticket.objects.count() == 1
