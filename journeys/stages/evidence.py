"""A stage rule in words, and who would move if it were in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.events import types
from crm.lib.spans import span_in_words
from crm.models import Customer, User
from crm.rules.words import event_in_words, where_in_words
from journeys.models import Stage, StageRule
from journeys.stages.recompute import Verdict, preview
from journeys.stages.rulebook import Ruleset

# So many customers, those heard of last, are asked for a preview: an answer within a few seconds at any size.
ASKED = 2000
SHOWN = 8


def evidence_in_words(rule: StageRule) -> str:
    """ "Product viewed, 2 times within 7 days". A rule that cannot be read shows its JSON."""
    try:
        facts = _(" or ").join(str(types.get(name).label) for name in rule.events)
        tests = f" ({where_in_words(rule.where)})" if rule.where else ""
        return ", ".join([facts + tests, *(_earlier_in_words(earlier) for earlier in rule.history)])
    except (KeyError, TypeError, ValueError, AttributeError):
        return f"{rule.events} {rule.where} {rule.history}"


def _earlier_in_words(earlier: Mapping[str, Any]) -> str:
    n = earlier.get("at_least", 1)
    if earlier.get("event"):
        said = [_("after “%(fact)s”") % {"fact": event_in_words(earlier["event"], earlier.get("where", ()))}]
        if n > 1:
            said.append(ngettext("%(n)s time", "%(n)s times", n) % {"n": n})
    else:
        said = [ngettext("%(n)s time", "%(n)s times", n) % {"n": n}]
    if earlier.get("distinct"):
        said.append(_("with different %(property)s") % {"property": earlier["distinct"]})
    if earlier.get("other"):
        said.append(_("with another %(property)s") % {"property": earlier["other"]})
    if earlier.get("ago"):
        said.append(_("at least %(span)s before") % {"span": span_in_words(earlier["ago"])})
    if earlier.get("within"):
        said.append(_("within %(span)s") % {"span": span_in_words(earlier["within"])})
    return " ".join(said)


@dataclass(frozen=True, slots=True)
class WouldMove:
    """
    What a draft of the rules would change now.

    Attributes:
        asked: how many customers were looked at, of `known`.
        ways: (from, to, how many), the most first; None for nowhere.
        people: some of them with where they would go, and since when.
    """

    asked: int
    known: int
    ways: Sequence[tuple[Stage | None, Stage | None, int]]
    people: Sequence[tuple[Customer, Stage | None, Stage | None, datetime | None]]

    @property
    def total(self) -> int:
        return sum(n for _from, _to, n in self.ways)


def who_would_move(ruleset: Ruleset, user: User, *, now: datetime) -> WouldMove:
    """Judge the customers the user may see and that were heard of last, and write nothing."""
    seen = Customer.objects.visible_to(user).filter(merged_into=None)
    ids = list(seen.order_by("-last_seen_at", "-pk").values_list("pk", flat=True)[:ASKED])
    verdicts = preview(ruleset, ids, now=now)
    counted = Counter((verdict.standing.stage_id, verdict.place.stage) for verdict in verdicts)
    return WouldMove(
        asked=len(ids),
        known=seen.count() if len(ids) == ASKED else len(ids),
        ways=[(_stage(ruleset, one), _stage(ruleset, two), n) for (one, two), n in counted.most_common()],
        people=_people(ruleset, verdicts[:SHOWN]),
    )


def _people(
    ruleset: Ruleset, verdicts: Sequence[Verdict]
) -> list[tuple[Customer, Stage | None, Stage | None, datetime | None]]:
    customers = Customer.objects.in_bulk([verdict.standing.customer_id for verdict in verdicts])
    return [
        (
            customers[verdict.standing.customer_id],
            _stage(ruleset, verdict.standing.stage_id),
            _stage(ruleset, verdict.place.stage),
            verdict.place.since,
        )
        for verdict in verdicts
    ]


def _stage(ruleset: Ruleset, number: int | None) -> Stage | None:
    return ruleset.stages.get(number) if number else None
