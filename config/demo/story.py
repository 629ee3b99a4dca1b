"""What the six hundred did in a hundred and twenty days: the same every time, ending now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from config.demo import shop
from config.demo.people import made_up
from config.demo.shop import Article
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
    Rows,
    TicketAnswered,
    TicketOpened,
)
from crm.lib.money import Money
from crm.services.purchases import ItemIn

PEOPLE = 600
DAYS = 120
SEED = 20_260_401


def told(end: datetime, *, people: int = PEOPLE) -> History:
    """
    The demo's history, ending at the full hour before `end`.

    The same `people` always give the same story, moved to end at that hour.
    """
    end = end.replace(minute=0, second=0, microsecond=0)
    random = Random(SEED)
    happenings: list[Happening] = []
    for number in range(1, people + 1):
        life = _Life(random, made_up(random, number), end)
        life.live()
        happenings += [happening for happening in life.happenings if happening.at <= end]
    happenings.sort(key=lambda happening: happening.at)
    return History(
        source=shop.SOURCE,
        label=f"{shop.NAME}: {people} people, {DAYS} days",
        happenings=happenings,
        rows=Rows(len(happenings), 0, 0),
        fingerprint=f"demo-{SEED}-{people}",
        time_zone="Asia/Bangkok",
        country="TH",
        currency="THB",
    )


@dataclass(slots=True)
class _Life:
    """One person's way along the journey."""

    random: Random
    person: Person
    end: datetime
    happenings: list[Happening] = field(default_factory=list)
    now: datetime = field(init=False)
    orders: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        # More people come lately than at first: the shop grows.
        age = DAYS * (1 - self.random.random() ** 0.75)
        self.now = self._daytime(self.end - timedelta(days=age))

    @property
    def language(self) -> str:
        return self.person.language

    def live(self) -> None:
        self._become_aware()
        if self._chance(0.86):
            self._consider()
            if self._chance(0.62):
                self._buy()
                while self.orders < 4 and self._chance(0.42):
                    self._pass(days=self.random.uniform(14, 45))
                    self._look_around(1)
                    self._buy()
        if self._chance(0.05):
            self._add(
                NoteWritten(self.now, self.person, self.random.choice(shop.NOTES[self.language]), "somsak",
                            self.random.choice(("note", "call")))
            )  # fmt: skip

    # --- Awareness and consideration ----------------------------------------------------------

    def _become_aware(self) -> None:
        place = self.random.choices(shop.PLACES, [place.pull for place in shop.PLACES])[0]
        self._add(LinkFollowed(self.now, self.person, place.code))
        if self._chance(0.55):
            self._pass(minutes=4)
            self._event("Newsletter Signed Up")
            changes = {"sms": {"promotions": "in"}} if self.person.phone and self._chance(0.8) else {}
            if self.person.email and self._chance(0.7):
                changes["email"] = {"promotions": "in", "brand_news": "in"}
            if changes:
                self._add(ConsentGiven(self.now, self.person, changes))

    def _consider(self) -> None:
        self._pass(hours=self.random.uniform(1, 40))
        self._look_around(self.random.randint(1, 4))
        if self._chance(0.3):
            self._event("Review Read", site="pantip" if self._chance(0.4) else "own")
        if self._chance(0.24):
            self._ask()

    def _look_around(self, views: int) -> None:
        if self._chance(0.35):
            self._event("Products Searched", query=self.random.choice(("oolong", "matcha", "ชาเขียว", "gift", "kettle")))
        for _ in range(views):
            article = self.random.choice(shop.SHELF)
            self._pass(minutes=self.random.uniform(1, 30))
            self._event("Product Viewed", sku=article.sku, name=article.name, price=article.baht, currency="THB")

    def _ask(self) -> None:
        subject, body, answer = self.random.choice(shop.ENQUIRIES[self.language])
        key = f"{self.person.key}-ask"
        channel = self.random.choice(("line", "web", "sms", "email"))
        self._add(TicketOpened(self.now, self.person, key, "enquiry", subject, body, channel))
        if self._is_recent(days=1.5) and self._chance(0.6):
            return  # still waiting for us today
        at = self.now + timedelta(minutes=self.random.uniform(8, 300))
        staff = self.random.choice(("fah", "somsak"))
        self._add(TicketAnswered(at, self.person, key, answer, staff, resolved=self._chance(0.9)))
        self.now = at

    # --- Purchase, use and what comes of it ---------------------------------------------------

    def _buy(self) -> None:
        basket = self.random.sample(shop.SHELF, self.random.choices((1, 2, 3), (60, 30, 10))[0])
        self._pass(hours=self.random.uniform(0.2, 60))
        for article in basket:
            self._event("Product Added", sku=article.sku, name=article.name, price=article.baht, cart_id=self._cart())
        self._pass(minutes=self.random.uniform(1, 12))
        self._event(
            "Checkout Started", cart_id=self._cart(), value=sum(article.baht for article in basket), currency="THB"
        )
        if self._chance(0.18):
            return  # left the cart behind
        self._pass(minutes=self.random.uniform(2, 20))
        self._order(basket)

    def _order(self, basket: list[Article]) -> None:
        self.orders += 1
        reference = f"BC{int(self.person.key[-4:]) * 10 + self.orders:05}"
        items = [
            ItemIn(article.sku, article.name, self.random.choices((1, 2, 3), (75, 18, 7))[0],
                   Money.of(article.baht, "THB"), article.category)
            for article in basket
        ]  # fmt: skip
        goods = sum(item.price.minor * item.quantity for item in items)
        total = Money(goods + (0 if goods >= 80_000 else 5_000), "THB")
        promised = self.now + timedelta(days=self.random.choice((3, 4, 5)))
        method = self.random.choices(("promptpay", "card", "cod"), (55, 30, 15))[0]
        self._add(OrderPlaced(self.now, self.person, reference, total, tuple(items), promised, method))
        placed = self.now
        if self._chance(0.03):
            self._dated(placed + timedelta(hours=self.random.uniform(1, 20)), reference, "cancelled_at")
            return
        self._dated(placed + timedelta(minutes=self.random.uniform(1, 40)), reference, "paid_at")
        is_recent = self._is_recent(days=8)
        shipped = self._daytime(placed + timedelta(hours=self.random.uniform(12, 40)))
        # The carrier has a bad week, so that late parcels can be seen.
        late = timedelta(days=self.random.uniform(1, 5)) if self._chance(0.4 if is_recent else 0.1) else timedelta(0)
        delivered = self._daytime(max(shipped, placed) + timedelta(days=self.random.uniform(1, 2.2)) + late)
        if late:
            delivered = max(delivered, self._daytime(promised + late))
        self._dated(shipped, reference, "shipped_at")
        self._dated(delivered, reference, "delivered_at")
        self.now = delivered
        self._use(reference, basket, total, is_late=bool(late))

    def _use(self, reference: str, basket: list[Article], total: Money, *, is_late: bool) -> None:
        if self._chance(0.25 if is_late else 0.08):
            self._complain(reference)
            if self._chance(0.35):
                self._pass(days=2)
                amount = Money(total.minor // 2 or 1, total.currency)
                self._add(RefundGiven(self.now, self.person, f"{reference}-R", amount, reference, "goodwill"))
        if self._chance(0.38):
            self._pass(days=self.random.uniform(5, 14))
            self._review(reference, is_late=is_late)
        if self._chance(0.07):
            self._event("Product Shared", share_via=self.random.choice(("line", "facebook")), sku=basket[0].sku)
        if self._chance(0.05):
            self._pass(days=3)
            self._event("Referral Converted", order_id=f"{reference}-F")
        if self._chance(0.12):
            self._event("NPS Answered", score=self.random.choice((6, 7, 8, 9, 9, 10, 10)))

    def _complain(self, reference: str) -> None:
        self._pass(hours=self.random.uniform(2, 60))
        subject, body, is_complaint = self.random.choice(shop.PROBLEMS[self.language])
        key = f"{reference}-help"
        channel = self.random.choice(("line", "email", "sms"))
        self._add(
            TicketOpened(self.now, self.person, key, "after_sales", subject, body, channel, reference, is_complaint)
        )
        if self._is_recent(days=2) and self._chance(0.5):
            return
        at = self.now + timedelta(hours=self.random.uniform(0.5, 9))
        answer = self.random.choice(shop.REPLIES[self.language])
        self._add(TicketAnswered(at, self.person, key, answer, "fah", resolved=self._chance(0.92)))

    def _review(self, reference: str, *, is_late: bool) -> None:
        weights = (10, 15, 25, 30, 20) if is_late else (2, 3, 8, 25, 62)
        rating = self.random.choices((1, 2, 3, 4, 5), weights)[0]
        key = f"{reference}-review"
        body = self.random.choice(shop.REVIEWS[self.language][rating])
        site = self.random.choices(("own", "facebook", "google", "pantip"), (80, 8, 7, 5))[0]
        self._add(ReviewWritten(self.now, self.person, key, rating, "", body, reference, site))
        if self._chance(0.7) and not self._is_recent(days=3):
            answer = (shop.THANKS if rating >= 4 else shop.SORRY)[self.language]
            self._add(ReviewAnswered(self.now + timedelta(hours=20), self.person, key, answer, "fah"))

    # --- Small words --------------------------------------------------------------------------

    def _add(self, happening: Happening) -> None:
        self.happenings.append(happening)

    def _event(self, event: str, /, **properties: Any) -> None:
        self.seen += 1
        self._add(EventSeen(self.now, self.person, event, f"{self.person.key}-{self.seen}", properties))

    def _dated(self, at: datetime, reference: str, date: str) -> None:
        self._add(OrderDated(at, self.person, reference, date))

    def _cart(self) -> str:
        return f"{self.person.key}-cart-{self.orders}"

    def _chance(self, of: float) -> bool:
        return self.random.random() < of

    def _pass(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def _is_recent(self, *, days: float) -> bool:
        return self.now > self.end - timedelta(days=days)

    def _daytime(self, at: datetime) -> datetime:
        """The same day between 9 and 21 o'clock in Bangkok: UTC+7 the whole year, so 2 to 14 in UTC."""
        return at.replace(hour=self.random.randint(2, 13), minute=self.random.randint(0, 59))
