"""What a monitor may know of messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Min

from crm.lib import metrics
from crm.lib.metrics import Figures
from messaging.models import Attempt, Message, ProviderCall, ProviderState, Receipt, RefusedCalls, Restoration

HOUR = timedelta(hours=1)
# States that are left again; the others only ever grow, and counting millions of them is nobody's wish.
PASSING = (Message.State.SENDING, Message.State.UNKNOWN, Message.State.UNKNOWN_FINAL)


@metrics.gauge("waymark_messages", "Messages that are on their way or unclear, by channel and state.")
def messages(now: datetime) -> Figures:
    waiting = Message.objects.in_line().values_list("channel").annotate(n=Count("pk")).order_by("channel")
    yield from (({"channel": channel, "state": "queued"}, n) for channel, n in waiting)
    rows = Message.objects.filter(state__in=PASSING).values_list("channel", "state")
    yield from (
        ({"channel": channel, "state": state}, n)
        for channel, state, n in rows.annotate(n=Count("pk")).order_by("channel", "state")
    )


@metrics.gauge("waymark_message_queue_age_seconds", "How long the oldest message that is due has been so, by channel.")
def queue_age(now: datetime) -> Figures:
    due = Message.objects.in_line().filter(due_at__lte=now).values_list("channel")
    oldest = due.annotate(at=Min("due_at")).order_by("channel")
    return [({"channel": channel}, (now - at).total_seconds()) for channel, at in oldest]


@metrics.gauge("waymark_provider_calls", "Calls to providers in the last hour, by provider and outcome.")
def calls(now: datetime) -> Figures:
    rows = Attempt.objects.filter(started_at__gt=now - HOUR).values_list("provider", "outcome")
    counted = rows.annotate(n=Count("pk")).order_by("provider", "outcome")
    return [({"provider": provider, "outcome": outcome or "none"}, n) for provider, outcome, n in counted]


@metrics.gauge("waymark_provider_circuit_closed", "1 while a channel's provider is well, 0 while its circuit is open.")
def circuits(now: datetime) -> Figures:
    rows = ProviderState.objects.order_by("channel__channel").values_list("channel__channel", "breaker")
    return [({"channel": channel}, breaker == ProviderState.Breaker.CLOSED) for channel, breaker in rows]


@metrics.gauge("waymark_sending_held", "1 while nothing is sent because the database was restored, else 0.")
def held(now: datetime) -> Figures:
    return [({}, Restoration.objects.open().exists())]


@metrics.gauge("waymark_receipts_unmatched", "Receipts of messages that we do not know.")
def unmatched(now: datetime) -> Figures:
    return [({}, Receipt.objects.filter(message=None).count())]


@metrics.gauge("waymark_hook_calls_open", "Calls of providers that have not been worked off, by channel.")
def open_calls(now: datetime) -> Figures:
    rows = ProviderCall.objects.open().order_by("channel").values_list("channel").annotate(n=Count("pk"))
    return [({"channel": channel}, number) for channel, number in rows]


@metrics.gauge("waymark_hook_calls_refused", "Calls at our doors that were refused and not forgotten yet, by why.")
def refused_calls(now: datetime) -> Figures:
    rows = RefusedCalls.objects.order_by("channel", "code").values_list("channel", "code", "count")
    return [({"channel": channel, "code": code}, number) for channel, code, number in rows]
