"""What `manage.py audit` holds true of messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, Func, IntegerField, Max, OuterRef, Q
from django.db.models.functions import TruncDay, TruncWeek

from crm.lib import audits
from crm.lib.audits import Breach, Case, Finding, NotLookedAt, Seen
from crm.lib.ledgers import Ledger
from crm.lib.zones import zone
from crm.models import Customer, CustomerMerge, Shop
from crm.selectors.heartbeats import is_worker_alive
from messaging.models import Attempt, FrequencyCap, Message, ProviderState
from messaging.outbox import flow
from messaging.outbox.claims import LEASE
from messaging.selectors import books

OVERDUE = timedelta(minutes=15)
STUCK = timedelta(seconds=60)
# An opt-out that was said as an attempt began may have been committed after its last look.
A_MOMENT = timedelta(seconds=5)
NO_LEDGER = "needs the ledger of what the provider accepted: --provider"
_TRUNCATE = {FrequencyCap.Per.DAY: TruncDay, FrequencyCap.Per.WEEK: TruncWeek}

_AFTER_SUPPRESSION = """
SELECT t.id AS attempt, m.public_id AS message, s.id AS suppression
FROM messaging_attempt t
JOIN messaging_message m ON m.id = t.message_id
JOIN messaging_suppression s ON s.channel = m.channel AND s.address_hash = m.address_hash
WHERE s.since < {a_moment_before} AND (s.lifted_at IS NULL OR s.lifted_at > t.started_at)
  AND NOT m.is_answer AND (s.scope = 'all' OR m.lane = 1) {since}
"""
# What held when the attempt began: the newest evidence, by when it happened, of what was known by then.
_AFTER_WITHDRAWAL = """
SELECT t.id AS attempt, m.public_id AS message
FROM messaging_attempt t
JOIN messaging_message m ON m.id = t.message_id
WHERE NOT m.is_answer AND 'out' = (
    SELECT c.state FROM crm_consentevent c
    WHERE c.customer_id = m.customer_id AND c.channel = m.channel AND c.topic_id = m.topic_id
      AND c.recorded_at < {a_moment_before} AND c.occurred_at < {a_moment_before}
    ORDER BY c.occurred_at DESC, c.id DESC LIMIT 1) {since}
"""


@audits.invariant("I3", "The provider accepted no message twice.")
def accepted_once(case: Case) -> Iterator[Finding]:
    with books.accepts(_provider(case).read(books.read_accept)) as count:
        yield from books.doubled()
    yield Seen(f"{count:,} messages accepted")


@audits.invariant("I4", "Nothing is overdue on a channel that can send, and nothing is left in a dead worker's hands.")
def nothing_is_stuck(case: Case) -> Iterator[Finding]:
    if not is_worker_alive(case.now):
        raise NotLookedAt("no worker has given a sign of life in the last 90 seconds")
    pending = Message.objects.pending().count()
    yield from audits.breaches_among(
        _overdue(case.now), "messages are overdue by more than 15 minutes", message="public_id", due_at="due_at"
    )
    stuck = Message.objects.filter(state=Message.State.SENDING, lease_until__lt=case.now - STUCK)
    yield from audits.breaches_among(
        stuck, "messages hang in a lease that ended", message="public_id", lease_until="lease_until"
    )
    yield Seen(f"{pending:,} messages on their way")


@audits.invariant("I5", "No attempt began after the address was suppressed, or the consent withdrawn.")
def nobody_is_written_to_against_their_wish(case: Case) -> Iterator[Finding]:
    since, parameters = ("AND t.started_at >= %s", [audits.moment(case.since)]) if case.since else ("", [])
    before = audits.earlier("t.started_at", A_MOMENT)
    for sql, message in (
        (_AFTER_SUPPRESSION, "attempts began after the address was suppressed"),
        (_AFTER_WITHDRAWAL, "attempts began after the customer had opted out"),
    ):
        yield from audits.breaches(sql.format(a_moment_before=before, since=since), parameters, message)
    made = Attempt.objects.filter(started_at__gte=case.since) if case.since else Attempt.objects.all()
    yield Seen(f"{made.count():,} attempts")


@audits.invariant("I6", "The provider accepted each customer's messages in their order, by channel and lane.")
def accepted_in_order(case: Case) -> Iterator[Finding]:
    with books.accepts(_provider(case).read(books.read_accept)) as count:
        yield from books.out_of_order()
    yield Seen(f"{count:,} messages accepted")


@audits.invariant("I7", "Nobody got more marketing messages in a day or week of theirs than the caps allow.")
def caps_hold(case: Case) -> Iterator[Finding]:
    counted = _counted(case.since)
    zones = _zones(counted)
    for per in FrequencyCap.Per:
        above = [row for name, names in zones.items() for row in _above(counted, per, name, names)]
        if above:
            listed = above[: audits.MOST_LISTED]
            yield Breach(f"more marketing messages in a {per} than allowed", len(above), listed)
    yield Seen(f"{counted.count():,} marketing messages")


@audits.invariant("I8", "What we called a provider for and what it accepted are the same.")
def calls_are_as_written(case: Case) -> Iterator[Finding]:
    ledger = _provider(case)
    since = case.since or _begin(ledger)
    with books.accepts(ledger.read(books.read_accept)) as count:
        yield from books.strange()
        yield from books.unwritten()
        yield from books.not_accepted(since=since)
    calls = Attempt.objects.filter(started_at__gte=since)
    killed = calls.filter(outcome="").count()
    yield Seen(f"{count:,} messages accepted, {calls.count():,} calls, {killed:,} of them killed in flight")


# --- The provider's ledger ------------------------------------------------------------------------


def _provider(case: Case) -> Ledger:
    if case.accepted is None:
        raise NotLookedAt(NO_LEDGER)
    return case.accepted


def _begin(ledger: Ledger) -> datetime:
    """When the first message was accepted; its attempt was dated up to a lease before."""
    for entry in ledger.read(lambda line: {"at": datetime.fromisoformat(line["at"])}):
        at: datetime = entry["at"]
        return at - LEASE
    raise NotLookedAt("the ledger of the provider is empty: --since says from when it is kept")


# --- Overdue --------------------------------------------------------------------------------------


def _overdue(now: datetime) -> Any:
    """Those at the head of their line: who stands behind another, or has to be patient, is not late."""
    channels = [
        channel.channel
        for channel in flow.open_channels()
        if (state := getattr(channel, "flow", None)) is None
        or (state.breaker == ProviderState.Breaker.CLOSED and not (state.paused_until and state.paused_until > now))
    ]
    ahead = (
        Message.objects.pending()
        .filter(
            customer=OuterRef("customer"), channel=OuterRef("channel"), lane=OuterRef("lane"), planned_at__lte=now,
        )
        .filter(Q(priority__gt=OuterRef("priority")) | Q(priority=OuterRef("priority"), pk__lt=OuterRef("pk")))
    )  # fmt: skip
    return Message.objects.in_line().overdue(now - OVERDUE).filter(~Exists(ahead), channel__in=channels)


# --- Caps -----------------------------------------------------------------------------------------


def _counted(since: datetime | None) -> Any:
    """
    The marketing messages that caps count, where they were decided on: those of a record that was merged into another
    were counted there.
    """
    merged = CustomerMerge.objects.filter(survivor=OuterRef("customer"), merged_at__gt=OuterRef("cleared_at"))
    rows = Message.objects.filter(
        ~Exists(merged), lane=Message.Lane.MARKETING, cleared_at__isnull=False, state__in=Message.COUNTED
    )
    return rows.filter(cleared_at__gte=since) if since else rows


def _zones(counted: Any) -> Mapping[str, Sequence[str]]:
    """The zones that customers live in, and how their records name them."""
    fallback = Shop.current().time_zone
    found: dict[str, list[str]] = defaultdict(list)
    people = Customer.objects.filter(Exists(counted.filter(customer=OuterRef("pk"))))
    for name in people.order_by().values_list("time_zone", flat=True).distinct():
        found[zone(name, fallback).key].append(name)
    return found


def _above(counted: Any, per: FrequencyCap.Per, name: str, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each customer's day or week with more than the cap was when any of it was decided on; without one, all may go."""
    start = _TRUNCATE[per]("cleared_at", tzinfo=ZoneInfo(name))
    theirs = counted.filter(customer__time_zone__in=names).annotate(cap=CapThen("decision", per))
    periods = theirs.values("customer", start=start).annotate(
        n=Count("pk"), allowed=Max("cap"), free=Count("pk", filter=Q(cap=None))
    )
    for row in periods.filter(free=0, n__gt=F("allowed")).order_by("start", "customer"):
        yield {
            "customer": row["customer"], "from": row["start"].date().isoformat(), "messages": row["n"],
            "allowed": row["allowed"],
        }  # fmt: skip


class CapThen(Func):
    """The cap per day or week that stands among the inputs of a decision; None where there was none."""

    output_field = IntegerField(null=True)

    def __init__(self, decision: Any, per: str) -> None:
        super().__init__(decision)
        self.per = str(per)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        path = f'$.inputs.caps[*] ? (@.per == "{self.per}").limit'
        return f"jsonb_path_query_first({column}, '{path}')::int", params

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        caps = f"json_each({column}, '$.inputs.caps') WHERE json_extract(value, '$.per') = '{self.per}'"
        return f"(SELECT json_extract(value, '$.limit') FROM {caps})", params  # noqa: S608
