"""Outgoing webhooks: endpoints made and edited, deliveries put in line. What delivers them: crm.hooks.deliver."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.hooks import sign
from crm.hooks.addresses import BlockedAddress, check_url
from crm.lib import bell, bulk, configuration, vault
from crm.models import Customer, Event, HookDelivery, User, WebhookEndpoint

BELL = "deliver_hooks"
# How long a delivery is tried; then it is given up.
KEEP_TRYING = timedelta(hours=24)
MOST_EVENTS = 50
MAX_BODY = 64 * 1024  # bytes
State = HookDelivery.State


class InvalidEndpoint(ValueError):
    """A value the endpoint cannot hold; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint and its secret: the only moment the secret can be read."""

    endpoint: WebhookEndpoint
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """
    A call that somebody wants made.

    Attributes:
        event: what it is about, in one word of the log: "Order Completed", "flow.step".
        body: JSON.
        dedupe_key: names the cause; the same key again is the same delivery.
        cause: JSON shown to staff.
        fault: why it can never be made; the row then says so from the start.
    """

    url: str
    event: str
    body: Any
    dedupe_key: str
    customer_id: int | None = None
    endpoint_id: int | None = None
    cause: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    detail: str = ""


# --- endpoints --------------------------------------------------------------------------------


@transaction.atomic
def create_endpoint(
    *, url: str, events: Sequence[str], actor: User | None, now: datetime, description: str = ""
) -> NewEndpoint:
    """
    Tell `url` of the facts called `events` from now on.

    Raises:
        InvalidEndpoint: an address that we do not call, or no events.
    """
    secret = sign.new_secret()
    endpoint = WebhookEndpoint(sealed=vault.seal({"secret": secret}), created_by=actor, created_at=now)
    _write(endpoint, {"url": url, "events": events, "description": description})
    return NewEndpoint(endpoint, secret)


@transaction.atomic
def edit_endpoint(endpoint: WebhookEndpoint, changes: Mapping[str, Any]) -> WebhookEndpoint:
    """
    Change `url`, `events`, `description` or `is_active`. Switched on again, what was owed meanwhile goes out.

    Raises:
        InvalidEndpoint: as `create_endpoint`.
    """
    _write(endpoint, changes)
    if changes.get("is_active"):
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(disabled_at=None, disabled_reason="")
        endpoint.refresh_from_db()
        bell.ring(BELL)
    return endpoint


@transaction.atomic
def replace_secret(endpoint: WebhookEndpoint) -> str:
    """Give the endpoint another secret, which is returned; what is signed from now on is signed with it."""
    secret = sign.new_secret()
    endpoint.sealed = vault.seal({"secret": secret})
    endpoint.save(update_fields=["sealed"])
    return secret


def _write(endpoint: WebhookEndpoint, changes: Mapping[str, Any]) -> None:
    for name in ("url", "description", "is_active"):
        if name in changes:
            setattr(endpoint, name, changes[name])
    if "events" in changes:
        endpoint.events = _names(changes["events"])
    try:
        check_url(endpoint.url)
    except BlockedAddress as error:
        raise InvalidEndpoint("url", str(error)) from error
    try:
        endpoint.full_clean(exclude=["created_by", "sealed"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidEndpoint(name, messages[0]) from error
    endpoint.save()


def _names(events: Sequence[str]) -> list[str]:
    names = sorted({name.strip() for name in events if name.strip()})
    if not names:
        raise InvalidEndpoint("events", _("name at least one"))
    if len(names) > MOST_EVENTS or any(len(name) > 200 for name in names):
        raise InvalidEndpoint("events", _("at most %(most)s, of 200 characters each") % {"most": MOST_EVENTS})
    return names


# --- deliveries -------------------------------------------------------------------------------


def queue_facts(events: Sequence[Event], *, now: datetime) -> list[HookDelivery]:
    """Put a delivery in line for each of these facts and each endpoint that wants to be told of it."""
    wanted = _endpoints_by_event()
    told = [event for event in events if event.name in wanted]
    if not told:
        return []
    people = Customer.objects.in_bulk({event.customer_id for event in told})
    calls = [
        HookCall(
            url=endpoint.url, event=event.name, body=_body(event, people[event.customer_id]),
            dedupe_key=f"event:{event.pk}:{endpoint.pk}", customer_id=event.customer_id, endpoint_id=endpoint.pk,
            cause={"kind": "event", "event": event.pk},
        )
        for event in told
        for endpoint in wanted[event.name]
    ]  # fmt: skip
    return queue_calls(calls, now=now)


def names_wanted() -> Collection[str]:
    """Facts that some endpoint is told of."""
    return _endpoints_by_event().keys()


@configuration.remembered(WebhookEndpoint)
def _endpoints_by_event() -> dict[str, list[WebhookEndpoint]]:
    """Who is told, by the name of the fact."""
    wanted: dict[str, list[WebhookEndpoint]] = {}
    for endpoint in WebhookEndpoint.objects.filter(is_active=True).order_by("pk"):
        for name in endpoint.events:
            wanted.setdefault(name, []).append(endpoint)
    return wanted


def _body(event: Event, customer: Customer) -> dict[str, Any]:
    """A fact as Standard Webhooks would have it: what, when, and the data."""
    return {
        "type": event.name,
        "timestamp": event.occurred_at,
        "data": {
            "customer": person_in_json(customer),
            "properties": event.properties,
            "source": event.source,
            "occurred_at": event.occurred_at,
            "received_at": event.received_at,
        },
    }


def person_in_json(customer: Customer) -> dict[str, Any]:
    """Who a call is about."""
    return {
        "id": str(customer.public_id), "name": customer.name, "email": customer.email,
        "phone": str(customer.phone or ""), "language": customer.language,
    }  # fmt: skip


def queue_calls(calls: Sequence[HookCall], *, now: datetime) -> list[HookDelivery]:
    """
    Write a row for each call, in the caller's transaction; one statement. A key that is known writes nothing.

    Returns:
        The new rows; none in a replay of the past, of which nobody is told.
    """
    if bell.is_silenced():
        return []
    rows = [_row(call, now) for call in calls]
    new = bulk.insert_new(HookDelivery, rows, unique=("dedupe_key",))
    if any(row.state == State.QUEUED for row in new):
        bell.ring(BELL)
    return new


def _row(call: HookCall, now: datetime) -> HookDelivery:
    body = "" if call.fault else orjson.dumps(call.body, option=orjson.OPT_UTC_Z).decode()
    delivery = HookDelivery(
        dedupe_key=call.dedupe_key, endpoint_id=call.endpoint_id, customer_id=call.customer_id, url=call.url,
        event=call.event, body=body, cause=dict(call.cause), queued_at=now, due_at=now, expires_at=now + KEEP_TRYING,
    )  # fmt: skip
    fault = call.fault or ("too_large" if len(body.encode()) > MAX_BODY else "")
    if fault:
        delivery.state, delivery.reason, delivery.detail, delivery.ended_at = State.FAILED, fault, call.detail, now
    return delivery


def replay(delivery: HookDelivery, *, now: datetime) -> bool:
    """Make a call again that failed or was made; the same id and body. False when it is still in line."""
    rows = HookDelivery.objects.filter(pk=delivery.pk, state__in=[State.DELIVERED, State.FAILED]).exclude(body="")
    again = rows.update(
        state=State.QUEUED, reason="", detail="", due_at=now, expires_at=now + KEEP_TRYING, attempts=0, ended_at=None,
    )  # fmt: skip
    if again:
        bell.ring(BELL)
    return bool(again)
