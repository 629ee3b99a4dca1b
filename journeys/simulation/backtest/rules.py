"""Ask the rules of many lives at once: a wave of questions is one query for each rule and stretch of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from crm.rules import matches
from journeys.flows.plan import KeyedRule
from journeys.simulation.backtest.lives import Asking, Inquiry, Verdicts
from journeys.simulation.backtest.past import chunks

# The window is cut into so many stretches; all who ask in one are answered as of its last question.
STRETCHES = 200
SHORTEST = timedelta(hours=1)


class Rulings:
    """Answers inquiries, each rule once per customer and stretch."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since = since
        self._stretch = max((until - since) / STRETCHES, SHORTEST)
        self._known: dict[tuple[KeyedRule, int, int], bool] = {}

    def run(self, lives: Sequence[Asking]) -> None:
        """Drive every life to its end."""
        asking = [(life, inquiry) for life in lives if (inquiry := _start(life))]
        while asking:
            self._look_up([inquiry for _, inquiry in asking])
            asking = [
                (life, following) for life, inquiry in asking if (following := _go_on(life, self._verdicts(inquiry)))
            ]

    def _look_up(self, inquiries: Sequence[Inquiry]) -> None:
        asked: dict[tuple[KeyedRule, int], dict[int, datetime]] = defaultdict(dict)
        for inquiry in inquiries:
            stretch = self._number(inquiry.at)
            for keyed in inquiry.rules:
                if (keyed, inquiry.customer, stretch) not in self._known:
                    asked[keyed, stretch][inquiry.customer] = inquiry.at
        for (keyed, stretch), customers in asked.items():
            now = max(customers.values())
            holding: set[int] = set()
            for ids in chunks(customers):
                holding |= matches(keyed.rule, ids, now=now)
            for customer in customers:
                self._known[keyed, customer, stretch] = customer in holding

    def _verdicts(self, inquiry: Inquiry) -> Verdicts:
        stretch = self._number(inquiry.at)
        return {keyed: self._known[keyed, inquiry.customer, stretch] for keyed in inquiry.rules}

    def _number(self, at: datetime) -> int:
        return int((at - self._since) / self._stretch)


def _start(life: Asking) -> Inquiry | None:
    return next(life, None)


def _go_on(life: Asking, verdicts: Verdicts) -> Inquiry | None:
    try:
        return life.send(verdicts)
    except StopIteration:
        return None
