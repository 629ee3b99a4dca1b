"""The message log: the ledger as staff read it, narrowed and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Customer, Identity, User
from messaging.models import Message

State = Message.State
RECENT = 2_000
FEW = 500
GONE_OUT = (State.SENT, State.DELIVERED, State.UNKNOWN, State.UNKNOWN_FINAL)
ADDRESSES = (Identity.Kind.PHONE, Identity.Kind.EMAIL, Identity.Kind.LINE)
# Counting stops here: nobody needs to know by how much it is more.
COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class View:
    """One chip above the log: the messages of one state, or of two that mean the same to whoever reads."""

    key: str
    label: str | Promise
    condition: Q
    tone: str = ""


VIEWS = (
    View("queued", _("queued"), Q(state=State.QUEUED, reason="")),
    View("held", _("held"), Q(state=State.QUEUED) & ~Q(reason=""), "t-warn"),
    View("sending", _("being sent"), Q(state=State.SENDING), "t-info"),
    View("unclear", _("unclear"), Q(state__in=[State.UNKNOWN, State.UNKNOWN_FINAL]), "t-warn"),
    View("sent", _("sent"), Q(state=State.SENT), "t-info"),
    View("delivered", _("delivered"), Q(state=State.DELIVERED), "t-good"),
    View("failed", _("failed"), Q(state__in=[State.FAILED, State.DEAD]), "t-bad"),
    View("withheld", _("withheld"), Q(state=State.WITHHELD)),
    View("cancelled", _("cancelled"), Q(state=State.CANCELLED)),
)
_BY_KEY = {view.key: view for view in VIEWS}
_BY_STATE = {
    State.QUEUED: "queued", State.SENDING: "sending", State.UNKNOWN: "unclear", State.UNKNOWN_FINAL: "unclear",
    State.SENT: "sent", State.DELIVERED: "delivered", State.FAILED: "failed", State.DEAD: "failed",
    State.WITHHELD: "withheld", State.CANCELLED: "cancelled",
}  # fmt: skip


def view_of(message: Message) -> View:
    """The chip under which a message is found."""
    return _BY_KEY["held" if message.is_held else _BY_STATE[State(message.state)]]


def in_view(rows: QuerySet[Message], key: str) -> QuerySet[Message]:
    """The messages of `rows` under the chip `key`; all of them for ""."""
    return rows.filter(_BY_KEY[key].condition) if key else rows


def matching(
    user: User,
    *,
    text: str = "",
    channel: str = "",
    topic: str = "",
    template: str = "",
    flow: str = "",
    provider: str = "",
    reason: str = "",
) -> QuerySet[Message]:
    """
    The messages `user` may see, narrowed; "" leaves a criterion out.

    Args:
        text: a part of the customer's name, or of any address they have or had.
        topic, template, flow: slugs.
        reason: a code of messaging.channels.reasons.
    """
    rows = Message.objects.visible_to(user)
    if text:
        rows = rows.filter(_of(user, text))
    if flow:
        rows = rows.by_flow(flow)
    exact = {
        "channel": channel, "topic__slug": topic, "template__slug": template, "provider": provider, "reason": reason,
    }  # fmt: skip
    return rows.filter(**{name: value for name, value in exact.items() if value})


def _of(user: User, text: str) -> Q:
    """Whose messages are meant: a few people are named one by one, so that the database reads no other's."""
    addresses = Identity.objects.filter(kind__in=ADDRESSES, value__contains=text.lower()).values("customer")
    visible = Customer.objects.visible_to(user)
    found = visible.filter(Q(pk__in=visible.matching(text).values("pk")) | Q(pk__in=addresses))
    few = list(found.values_list("pk", flat=True)[: FEW + 1])
    return Q(customer__in=few) if len(few) <= FEW else Q(Exists(found.filter(pk=OuterRef("customer"))))


def view_counts(rows: QuerySet[Message]) -> list[tuple[View, int]]:
    """How many of `rows` each chip holds, at most COUNTED + 1 each ("more"), in one query."""
    few = [rows.filter(view.condition).order_by().values("pk")[: COUNTED + 1] for view in VIEWS]
    try:
        counted = [found.query.sql_with_params() for found in few]
    except EmptyResultSet:  # nobody by that name: not a question for the database
        return [(view, 0) for view in VIEWS]
    sql = " UNION ALL ".join(
        f"SELECT {place} AS place, COUNT(*) FROM ({part}) AS found"  # noqa: S608 - the ORM's own SQL, values apart
        for place, (part, _values) in enumerate(counted)
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for _part, values in counted for value in values])
        counts = dict(cursor.fetchall())
    return [(view, counts[place]) for place, view in enumerate(VIEWS)]


def cost_of(rows: QuerySet[Message]) -> int | None:
    """What `rows` cost that went out, in millionths of the shop's currency; None of more than COUNTED rows."""
    few = rows.order_by().values("cost_micros", "state")[: COUNTED + 1]
    sums = few.aggregate(n=Count("*"), cost=Sum("cost_micros", filter=Q(state__in=GONE_OUT), default=0))
    return sums["cost"] if sums["n"] <= COUNTED else None


def recent_flows() -> Sequence[str]:
    """Slugs of the flows that caused one of the latest messages."""
    latest = Message.objects.order_by("-id").values("pk")[:RECENT]
    found = Message.objects.filter(pk__in=latest, cause__flow__isnull=False).values_list("cause__flow", flat=True)
    return sorted(set(found.distinct()))
