"""What became of a broadcast: counted in a fixed number of queries, however many people it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import reduce
from math import erfc, sqrt
from typing import Any

from django.db.models import Count, DateTimeField, Exists, ExpressionWrapper, OuterRef, QuerySet, Value
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Event, User
from messaging.models import Broadcast, BroadcastRecipient, Message

Place = BroadcastRecipient.State
State = Message.State
_KEYS = {
    State.QUEUED: "queued", State.SENDING: "queued", State.SENT: "sent", State.DELIVERED: "delivered",
    State.FAILED: "failed", State.DEAD: "failed", State.UNKNOWN: "unclear", State.UNKNOWN_FINAL: "unclear",
    State.WITHHELD: "withheld", State.CANCELLED: "cancelled",
}  # fmt: skip
# What a number on the page opens: the messages in these states.
STATES: Mapping[str, tuple[str, ...]] = {
    key: tuple(str(state) for state, name in _KEYS.items() if name == key) for key in dict.fromkeys(_KEYS.values())
}


@dataclass(frozen=True, slots=True)
class Tally:
    """
    How many people of a broadcast, or of one variant, came to what.

    Attributes:
        waiting: on the list, with no message yet. `left` are those who are not to get one any more.
        reasons: of the withheld and the failed messages, by (state key, reason).
        clicked, reached: who followed a link themselves; who did the goal in time.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    clicked: int = 0
    reached: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.counts + other.counts, self.reasons + other.reasons, self.clicked + other.clicked,
            self.reached + other.reached,
        )  # fmt: skip

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Tally:
        """Of `as_json`."""
        return cls(counts=Counter(kept["counts"]), clicked=kept["clicked"])

    def as_json(self) -> dict[str, Any]:
        """What is kept with a broadcast: reasons and goals are not."""
        return {"counts": dict(self.counts), "clicked": self.clicked}

    @property
    def people(self) -> int:
        return self.counts.total()

    @property
    def out(self) -> int:
        """Messages that providers took."""
        return self.counts["sent"] + self.counts["delivered"]

    @property
    def tried(self) -> int:
        """Messages that were handed to a provider, whatever it said."""
        return self.out + self.counts["failed"] + self.counts["unclear"]

    @property
    def settled(self) -> int:
        """People of whom it is known what came of it."""
        return self.people - self.counts["waiting"] - self.counts["queued"]

    @property
    def percent(self) -> int:
        return self.settled * 100 // self.people if self.people else 0

    @property
    def delivery_rate(self) -> int:
        return _percent(self.score(Broadcast.WinnerBy.DELIVERIES))

    @property
    def click_rate(self) -> int:
        return _percent(self.score(Broadcast.WinnerBy.CLICKS))

    @property
    def goal_rate(self) -> int:
        return _percent(self.score(Broadcast.WinnerBy.GOAL))

    def score(self, by: str) -> tuple[int, int]:
        """(successes, tries) by which variants are compared."""
        if by == Broadcast.WinnerBy.DELIVERIES:
            return self.counts["delivered"], self.tried
        return (self.reached if by == Broadcast.WinnerBy.GOAL else self.clicked), self.out


def tallies(broadcast: Broadcast) -> dict[int, Tally]:
    """By the number of the variant; 0 holds those who wait for the winner. Two queries at most."""
    reached = _goals(broadcast)
    return {number: replace(found, reached=reached.get(number, 0)) for number, found in counted(broadcast).items()}


def counted(broadcast: Broadcast) -> dict[int, Tally]:
    """As `tallies`, without goals; one query."""
    rows = broadcast.recipients.values("variant", "state", "message__state", "message__reason").annotate(
        n=Count("pk"), clicked=Count("message__clicked_at")
    )
    found: dict[int, Tally] = {}
    for row in rows.order_by():
        key = _key(row["state"], row["message__state"])
        reasons = Counter({(key, row["message__reason"]): row["n"]}) if key in ("withheld", "failed") else Counter()
        tally = Tally(Counter({key: row["n"]}), reasons, row["clicked"])
        found[row["variant"] or 0] = found.get(row["variant"] or 0, Tally()) + tally
    return dict(sorted(found.items()))


def kept_of(broadcasts: Sequence[Broadcast]) -> dict[int, Tally]:
    """The totals that are kept (messaging.broadcasts.totals) of those that were counted, by primary key."""
    return {broadcast.pk: Tally.of_json(broadcast.totals) for broadcast in broadcasts if broadcast.counted_at}


def total_of(found: Mapping[int, Tally]) -> Tally:
    return reduce(Tally.__add__, found.values(), Tally())


def rows_behind(
    broadcast: Broadcast, user: User, *, key: str = "", reason: str = "", variant: int = 0
) -> QuerySet[Message]:
    """
    The messages behind a number that `user` may see; "" and 0 leave a criterion out.

    Args:
        key: of STATES; or "clicked" or "reached".
    """
    rows = Message.objects.visible_to(user).filter(recipient__broadcast=broadcast)
    if key == "clicked":
        rows = rows.filter(clicked_at__isnull=False)
    elif key == "reached":
        rows = rows.filter(pk__in=_reached(broadcast).values("message"))
    elif key:
        rows = rows.filter(state__in=STATES[key])
    if reason:
        rows = rows.filter(reason=reason)
    return rows.filter(recipient__variant=variant) if variant else rows


# --- Which is better ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """The variant that leads, and how sure that is. `leader` is None while nothing was counted for any."""

    leader: int | None
    chance: float
    words: str | Promise


def compare(found: Mapping[int, Tally], by: str) -> Standing:
    """
    Which variant does best by `by`, and whether that could be chance: a two-sided test of the two best shares.

    A tie goes to the lower number.
    """
    scores = {number: tally.score(by) for number, tally in found.items() if number}
    ranked = sorted(scores, key=lambda number: (-_share(scores[number]), number))
    if not any(hits for hits, _tries in scores.values()):
        return Standing(None, 1.0, _("Nothing to compare yet."))
    if len(ranked) == 1:
        return Standing(ranked[0], 1.0, _("There is only one."))
    chance = _chance(scores[ranked[0]], scores[ranked[1]])
    return Standing(ranked[0], chance, _words(chance))


def _percent(score: tuple[int, int]) -> int:
    return round(100 * _share(score))


def _share(score: tuple[int, int]) -> float:
    hits, tries = score
    return hits / tries if tries else 0.0


def _chance(one: tuple[int, int], other: tuple[int, int]) -> float:
    """How likely so large a difference is by chance alone: the z-test of two proportions, pooled."""
    (hits, tries), (other_hits, other_tries) = one, other
    if not tries or not other_tries:
        return 1.0
    pooled = (hits + other_hits) / (tries + other_tries)
    spread = sqrt(pooled * (1 - pooled) * (1 / tries + 1 / other_tries))
    return erfc(abs(_share(one) - _share(other)) / spread / sqrt(2)) if spread else 1.0


def _words(chance: float) -> str | Promise:
    if chance < 0.05:
        return _("Clearly ahead: chance alone would hardly do this.")
    if chance < 0.2:
        return _("Probably ahead; it may still be chance.")
    return _("Too close to call.")


# --- The queries ------------------------------------------------------------------------------------


def _key(place: str, state: str | None) -> str:
    if place == Place.QUEUED and state:
        return _KEYS[State(state)]
    return "left" if place == Place.LEFT else "waiting"


def _reached(broadcast: Broadcast) -> QuerySet[BroadcastRecipient]:
    in_time = ExpressionWrapper(
        OuterRef("message__sent_at") + Value(timedelta(hours=broadcast.winner_after)), output_field=DateTimeField()
    )
    did = Event.objects.filter(
        customer=OuterRef("customer"), name=broadcast.winner_goal, occurred_at__gt=OuterRef("message__sent_at"),
        occurred_at__lte=in_time,
    )  # fmt: skip
    return broadcast.recipients.filter(message__sent_at__isnull=False).filter(Exists(did))


def _goals(broadcast: Broadcast) -> dict[int, int]:
    if not broadcast.winner_goal:
        return {}
    rows = _reached(broadcast).values_list("variant").annotate(n=Count("pk"))
    return dict(rows.order_by())
