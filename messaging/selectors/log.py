"""The message log: the ledger as staff read it, narrowed and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, models
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Sum, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.lib.paging import Page, page_among, stretch
from crm.models import Customer, Identity, User
from crm.models.customer import CustomerQuerySet
from messaging.models import Message

State = Message.State
RECENT = 2_000
FEW = 500
GONE_OUT = (State.SENT, State.DELIVERED, State.UNKNOWN, State.UNKNOWN_FINAL)
ADDRESSES = (Identity.Kind.PHONE, Identity.Kind.EMAIL, Identity.Kind.LINE)
# Counting stops here: nobody needs to know by how much it is more.
COUNTED = 1_000
# As many messages are looked at, at most, to count a state and to fill a page: whatever is asked for, it costs no more.
COUNTED_AMONG = 2_000
DEEP = 10_000


@dataclass(frozen=True, slots=True)
class View:
    """
    One chip above the log: the messages of one state, or of two that mean the same to whoever reads.

    `is_held` tells those in line that wait for a reason from those that do not; None where it does not matter.
    """

    key: str
    label: str | Promise
    states: tuple[str, ...]
    tone: str = ""
    is_held: bool | None = None

    @property
    def condition(self) -> Q:
        held = Q() if self.is_held is None else Q(reason="", _negated=self.is_held)
        return Q(state__in=self.states) & held


VIEWS = (
    View("queued", _("queued"), (State.QUEUED,), is_held=False),
    View("held", _("held"), (State.QUEUED,), "t-warn", is_held=True),
    View("sending", _("being sent"), (State.SENDING,), "t-info"),
    View("unclear", _("unclear"), (State.UNKNOWN, State.UNKNOWN_FINAL), "t-warn"),
    View("sent", _("sent"), (State.SENT,), "t-info"),
    View("delivered", _("delivered"), (State.DELIVERED,), "t-good"),
    View("failed", _("failed"), (State.FAILED, State.DEAD), "t-bad"),
    View("withheld", _("withheld"), (State.WITHHELD,)),
    View("cancelled", _("cancelled"), (State.CANCELLED,)),
)
_BY_KEY = {view.key: view for view in VIEWS}
_BY_STATE = {state: view for view in VIEWS if not view.is_held for state in view.states}


def view_of(message: Message) -> View:
    """The chip under which a message is found."""
    return _view(message.state, is_held=message.is_held)


def _view(state: str, *, is_held: bool) -> View:
    return _BY_KEY["held"] if is_held and state == State.QUEUED else _BY_STATE[state]


@dataclass(slots=True)
class Count:
    """How many messages there are, and what those that went out of them cost, in millionths; `is_more`: at least."""

    number: int = 0
    cost: int = 0
    is_more: bool = False

    def add(self, other: Count) -> None:
        self.number += other.number
        self.cost += other.cost
        self.is_more |= other.is_more

    @property
    def is_many(self) -> bool:
        """More than anybody needs to know exactly."""
        return self.number > COUNTED

    def __str__(self) -> str:
        """ "12"; "12+" where there may be more."""
        return f"{COUNTED}+" if self.is_many else f"{self.number}{'+' if self.is_more else ''}"


@dataclass(frozen=True, slots=True)
class Log:
    """
    The messages that a reader asked for.

    Attributes:
        rows: those that match.
        run: messages that one index finds, `rows` being some of them; None where those are all messages of a state.
        is_whole: nothing was left out.
    """

    rows: QuerySet[Message]
    run: QuerySet[Message] | None
    is_whole: bool

    def page(self, state: str, cursor: str) -> Page[Message]:
        """
        The messages under the chip `state`, "" for all, newest first: as many as are found among the next DEEP.

        Raises:
            crm.lib.paging.InvalidCursor: `cursor` is none of this list's.
        """
        rows, run = self.rows.select_related("customer", "topic", "template"), Message.objects.all()
        if state:
            rows, run = rows.filter(_BY_KEY[state].condition), run.filter(state__in=_BY_KEY[state].states)
        return page_among(rows, run if self.run is None else self.run, cursor=cursor, most=DEEP)

    def counts(self) -> dict[str, Count]:
        """What each chip holds, by its key, as far as is looked; two queries."""
        found = {view.key: Count() for view in VIEWS}
        within, deeper = self._looked_at()
        is_held = Case(When(reason="", then=False), default=True)
        groups = self.rows.filter(within).order_by().values("state", is_held=is_held)
        cost = Sum("cost_micros", filter=Q(state__in=GONE_OUT), default=0)
        for group in groups.annotate(n=models.Count("pk"), cost=cost):
            view = _view(group["state"], is_held=group["is_held"])
            found[view.key].add(Count(group["n"], group["cost"]))
        for state in deeper:
            for either in (False, True):
                found[_view(state, is_held=either).key].is_more = True
        return found

    def _looked_at(self) -> tuple[Q, Iterable[str]]:
        """Which messages are counted, and the states that have more."""
        if self.run is None:
            floors = _floors(COUNTED + 1 if self.is_whole else COUNTED_AMONG)
            among = (Q(state=state, pk__gte=floor) for state, floor in floors.items())
            return Q(*among, _connector=Q.OR), [state for state, floor in floors.items() if floor]
        looked_at = stretch(self.run, DEEP)
        if looked_at is None:
            return Q(pk__in=[]), []
        return Q(pk__range=(looked_at.low, looked_at.high)), [] if looked_at.is_all else State.values


def total(counts: Iterable[Count]) -> Count:
    """All of them together."""
    found = Count()
    for count in counts:
        found.add(count)
    return found


def matching(
    user: User,
    *,
    text: str = "",
    channel: str = "",
    topic: str = "",
    template: str = "",
    flow: str = "",
    cause: str = "",
    provider: str = "",
    reason: str = "",
) -> Log:
    """
    The messages `user` may see, narrowed; "" leaves a criterion out.

    Args:
        text: a part of the customer's name, or of any address they have or had.
        topic, template, flow: slugs.
        cause: one of messaging.selectors.causes.KINDS.
        reason: a code of messaging.channels.reasons.
    """
    rows = Message.objects.visible_to(user)
    # What an index finds, by what is most likely to be rare.
    found_by: list[Q] = []
    if text:
        people, are_few = whose(Customer.objects.visible_to(user), text)
        rows = rows.filter(people)
        found_by += [people] * are_few
    if flow:
        rows = rows.by_flow(flow)
    exact = {
        "reason": reason, "template__slug": template, "channel": channel, "topic__slug": topic, "cause__kind": cause,
        "provider": provider,
    }  # fmt: skip
    wanted = {name: value for name, value in exact.items() if value}
    found_by += [Q(**{name: wanted[name]}) for name in ("reason", "template__slug") if name in wanted]
    if found_by:
        run: QuerySet[Message] | None = Message.objects.filter(found_by[0])
    else:
        run = Message.objects.by_flow(flow) if flow else None
    is_whole = not (text or flow or wanted or user.sees_only_own)
    return Log(rows.filter(**wanted), run, is_whole=is_whole)


def whose(visible: CustomerQuerySet, text: str) -> tuple[Q, bool]:
    """
    Whose messages are meant by a part of a name or address; and whether those are few, who are named one by one, so
    that an index finds theirs.
    """
    addresses = Identity.objects.filter(kind__in=ADDRESSES, value__contains=text.lower()).values("customer")
    found = visible.filter(Q(pk__in=visible.matching(text).values("pk")) | Q(pk__in=addresses))
    few = list(found.values_list("pk", flat=True)[: FEW + 1])
    if len(few) <= FEW:
        return Q(customer__in=few), True
    return Q(Exists(found.filter(pk=OuterRef("customer")))), False


def _floors(most: int) -> Mapping[str, int]:
    """For each state the id at which its newest `most` messages begin; 0 where there are no more. One query."""
    one = "SELECT %s, (SELECT id FROM messaging_message WHERE state = %s ORDER BY id DESC LIMIT 1 OFFSET %s)"
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join([one] * len(State)), [value for state in State for value in (state, state, most - 1)]
        )
        return {state: floor or 0 for state, floor in cursor.fetchall()}


def recent_flows() -> Sequence[str]:
    """Slugs of the flows that caused one of the latest messages."""
    latest = Message.objects.order_by("-id").values("pk")[:RECENT]
    found = Message.objects.filter(pk__in=latest, cause__flow__isnull=False).values_list("cause__flow", flat=True)
    return sorted(set(found.distinct()))
