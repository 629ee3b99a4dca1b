"""Live through a history in time order, under its own clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.db import connection

from config import ticks
from config.replay.history import (
    ConsentGiven,
    EventSeen,
    Happening,
    History,
    LinkFollowed,
    NoteWritten,
    OrderDated,
    OrderPlaced,
    Person,
    RefundGiven,
    ReviewAnswered,
    ReviewWritten,
    TicketAnswered,
    TicketOpened,
)
from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bell, bulk
from crm.models import Customer, Event, Purchase, ReplayRun, Review, Ticket, TicketMessage, Touchpoint, User
from crm.services import consents, identities, purchases, reviews, tickets, touchpoints, work
from crm.services.purchases import PurchaseIn

# Happenings this close together are lived through as one batch.
SLICE = timedelta(hours=6)
MOST = 500
TICK = timedelta(hours=6)

Progress = Callable[[int], None]


@dataclass(slots=True)
class Player:
    """
    Lives through one history and remembers how far it has come.

    Attributes:
        run: the checkpoint row; each batch moves it on in the batch's own transaction, so a kill loses and repeats
            nothing.
        until: nothing after this instant happens.
        slice_: how close together happenings are one batch.
        tick: how long to let due work gather before the next round of it, as the worker's own tick does.
    """

    history: History
    run: ReplayRun
    until: datetime | None = None
    slice_: timedelta = SLICE
    tick: timedelta = TICK
    _ids: dict[str, int] = field(default_factory=dict)

    @property
    def remaining(self) -> list[Happening]:
        """What has not been lived through yet."""
        rest = islice(self.history.happenings, self.run.position, None)
        return [happening for happening in rest if self.until is None or happening.lived_at <= self.until]

    @property
    def end(self) -> datetime | None:
        """The end of the history as far as it is played: the clock when it is over."""
        if self.until is not None:
            return self.until
        return self.history.happenings[-1].lived_at if self.history.happenings else None

    def play(self, progress: Progress) -> None:
        """Live through what remains, calling `progress` with the number of happenings of each batch."""
        started, before = time.monotonic(), Event.objects.count()
        with bell.silenced(), _lightly_synced():
            for batch, end in self._batches():
                self._catch_up(end)
                self._apply(batch, end)
                progress(len(batch))
            if self.end is not None:
                self._catch_up(self.end)
        recorded = Event.objects.count() - before
        if recorded:
            self.run.report = {
                **self.run.report,
                "events": self.run.report.get("events", 0) + recorded,
                "seconds": self.run.report.get("seconds", 0.0) + time.monotonic() - started,
            }
            self.run.save(update_fields=["report"])

    def _batches(self) -> Iterator[tuple[list[Happening], datetime]]:
        """Runs of happenings to live through at once, each with the instant at which it is over."""
        batch: list[Happening] = []
        for happening in self.remaining:
            if batch and (happening.lived_at - batch[0].lived_at > self.slice_ or len(batch) >= MOST):
                yield batch, batch[-1].lived_at
                batch = []
            batch.append(happening)
        if batch:
            yield batch, batch[-1].lived_at

    def _catch_up(self, end: datetime) -> None:
        """Live through the time up to `end`: the work that falls due, and every night of the shop what is done then."""
        for night in ticks.nights(self.run.clock or end, end, ZoneInfo(self.history.time_zone)):
            self._work_until(night, leave_late=True)
            ticks.work_at_night(night)
            self._stand_at(night)
        self._work_until(end)

    def _work_until(self, end: datetime, *, leave_late: bool = False) -> None:
        """
        Do the work that falls due up to `end`: at its instant, or, soon after other work, a `tick` behind that.

        What would come after `end` for the tick's sake is done at `end`, or with `leave_late` left for later.
        """
        while (due := ticks.next_due_at()) is not None and due <= end:
            now = max(due, self.run.clock + self.tick) if self.run.clock else due
            if now > end and leave_late:
                return
            now = min(now, end)
            if not sum(ticks.tick(now).values()) and ticks.next_due_at() == due:
                # Something is due and stays so, such as messages of a channel that was switched off.
                return
            self._stand_at(now)

    def _stand_at(self, now: datetime) -> None:
        self.run.clock = now
        self.run.save(update_fields=["clock"])

    def _apply(self, batch: Sequence[Happening], now: datetime) -> None:
        with log.gathered(now=now):
            self._meet(batch, now)
            for kind, happenings in _by_kind(batch):
                getattr(self, _METHODS[kind])(happenings, now)
            self.run.position += len(batch)
            self.run.save(update_fields=["position"])

    # --- Who ----------------------------------------------------------------------------------

    def _meet(self, batch: Sequence[Happening], now: datetime) -> None:
        """Resolve everybody in the batch; whoever is new gets their record."""
        first: dict[str, tuple[Person, datetime]] = {}
        for happening in batch:
            if happening.person.key not in self._ids:
                first.setdefault(happening.person.key, (happening.person, happening.at))
        if not first:
            return
        people = [person for person, _ in first.values()]
        resolved = identities.resolve_many(
            [
                identities.clean(
                    external=[(self.history.source, person.key)], email=person.email, phone=person.phone,
                    region=self.history.country,
                )
                for person in people
            ],
            now=now,
            source=self.history.source,
            known_at=[at for _, at in first.values()],
            names=[person.name for person in people],
        )  # fmt: skip
        self._ids.update({person.key: one.customer_id for person, one in zip(people, resolved, strict=True)})
        bulk.update_rows(
            Customer,
            [
                {
                    "id": one.customer_id, "language": person.language, "time_zone": person.time_zone,
                    "attributes": dict(person.attributes),
                }
                for person, one in zip(people, resolved, strict=True)
                if one.created
            ],
            fields=["language", "time_zone", "attributes"],
        )  # fmt: skip

    def _customer(self, person: Person) -> Customer:
        return Customer.objects.get(pk=self._ids[person.key])

    def _purchase(self, reference: str) -> Purchase | None:
        return Purchase.objects.filter(source=self.history.source, reference=reference).first() if reference else None

    # --- What ---------------------------------------------------------------------------------

    def _orders(self, happenings: Sequence[OrderPlaced], now: datetime) -> None:
        purchases.record_purchases(
            [
                PurchaseIn(
                    customer_id=self._ids[order.person.key], source=self.history.source, reference=order.reference,
                    total=order.total, placed_at=order.at, items=order.items, promised_at=order.promised_at,
                    payment_method=order.payment_method, coupon=order.coupon,
                )
                for order in happenings
            ],
            now=now,
        )  # fmt: skip

    def _dates(self, happenings: Sequence[OrderDated], now: datetime) -> None:
        known = {
            purchase.reference: purchase
            for purchase in Purchase.objects.filter(
                source=self.history.source, reference__in=[dated.reference for dated in happenings]
            )
        }
        purchases.record_purchases(
            [
                PurchaseIn(
                    customer_id=known[dated.reference].customer_id, source=self.history.source,
                    reference=dated.reference, total=known[dated.reference].total,
                    placed_at=known[dated.reference].placed_at, **{dated.date: dated.at},  # type: ignore[arg-type]
                )
                for dated in happenings
                if dated.reference in known
            ],
            now=now,
        )  # fmt: skip

    def _refunds(self, happenings: Sequence[RefundGiven], now: datetime) -> None:
        for refund in happenings:
            purchases.record_refund(
                customer=self._customer(refund.person), source=self.history.source, reference=refund.reference,
                amount=refund.amount, refunded_at=refund.at, purchase=self._purchase(refund.order),
                reason=refund.reason, now=now,
            )  # fmt: skip

    def _reviews(self, happenings: Sequence[ReviewWritten], now: datetime) -> None:
        for review in happenings:
            purchase = self._purchase(review.order)
            item = purchase.items.select_related("product").first() if purchase else None
            reviews.submit_review(
                customer=self._customer(review.person), source=self.history.source, reference=review.reference,
                rating=review.rating, title=review.title, body=review.body, reviewed_at=review.at, site=review.site,
                purchase=purchase, product=item.product if item else None, now=now,
            )  # fmt: skip

    def _events(self, happenings: Sequence[EventSeen], now: datetime) -> None:
        log.record_many(
            [
                EventDraft(
                    name=seen.name, customer_id=self._ids[seen.person.key], occurred_at=seen.at, dedupe_key=seen.key,
                    source=self.history.source, properties=seen.properties,
                )
                for seen in happenings
            ],
            now=now,
        )  # fmt: skip

    def _visits(self, happenings: Sequence[LinkFollowed], now: datetime) -> None:
        known = {touchpoint.code: touchpoint for touchpoint in Touchpoint.objects.all()}
        for visit in happenings:
            touchpoints.record_visit(
                known[visit.code], customer=self._customer(visit.person), now=visit.at,
                user_agent="Mozilla/5.0 (Linux; Android 15) Mobile",
            )  # fmt: skip

    def _consents(self, happenings: Sequence[ConsentGiven], now: datetime) -> None:
        for given in happenings:
            consents.record_consents(
                self._customer(given.person), given.changes, via="form", occurred_at=given.at, now=now
            )

    def _tickets(self, happenings: Sequence[TicketOpened], now: datetime) -> None:
        for opened in happenings:
            tickets.open_ticket(
                customer=self._customer(opened.person), subject=opened.subject, body=opened.body, kind=opened.kind,
                channel=opened.channel, source=f"{self.history.source}:{opened.key}", opened_at=opened.at,
                is_complaint=opened.is_complaint, purchase=self._purchase(opened.order), now=now,
            )  # fmt: skip

    def _answers(self, happenings: Sequence[TicketAnswered], now: datetime) -> None:
        for answer in happenings:
            ticket = Ticket.objects.filter(source=f"{self.history.source}:{answer.key}").first()
            if ticket is None:
                continue
            staff = self._staff(answer.staff)
            tickets.assign_ticket(ticket, staff, now=now)
            # The channel stays empty: what was said then is history, not a message to send.
            tickets.add_message(
                ticket, author=TicketMessage.Author.STAFF, body=answer.body, staff=staff, channel="web", now=now
            )
            if answer.resolved:
                tickets.set_status(ticket, Ticket.Status.RESOLVED, now=now)

    def _review_answers(self, happenings: Sequence[ReviewAnswered], now: datetime) -> None:
        for answer in happenings:
            review = Review.objects.filter(source=self.history.source, reference=answer.reference).first()
            if review:
                reviews.reply_to_review(review, answer.body, actor=self._staff(answer.staff), now=now)

    def _notes(self, happenings: Sequence[NoteWritten], now: datetime) -> None:
        for note in happenings:
            work.add_note(
                customer=self._customer(note.person), body=note.body, kind=note.kind, author=self._staff(note.staff),
                now=now,
            )  # fmt: skip

    def _staff(self, username: str) -> User | None:
        return User.objects.filter(username=username).first()


# In the order in which one may rest on another within a batch.
_METHODS: Mapping[type[Happening], str] = {
    LinkFollowed: "_visits",
    ConsentGiven: "_consents",
    EventSeen: "_events",
    TicketOpened: "_tickets",
    OrderPlaced: "_orders",
    OrderDated: "_dates",
    RefundGiven: "_refunds",
    ReviewWritten: "_reviews",
    TicketAnswered: "_answers",
    ReviewAnswered: "_review_answers",
    NoteWritten: "_notes",
}


def _by_kind(batch: Iterable[Happening]) -> list[tuple[type[Happening], list[Happening]]]:
    kinds: dict[type[Happening], list[Happening]] = {kind: [] for kind in _METHODS}
    for happening in batch:
        kinds[type(happening)].append(happening)
    return [(kind, happenings) for kind, happenings in kinds.items() if happenings]


@contextmanager
def _lightly_synced() -> Iterator[None]:
    """
    Have SQLite wait for the disk at checkpoints only.

    A killed replay loses nothing by it; a power cut may cost the last seconds, checkpoint row included, so that the
    next run lives through them again.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            cursor.execute("PRAGMA synchronous=FULL")
