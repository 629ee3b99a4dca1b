"""Coupons: codes given out, checked, redeemed once, and made void."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.access.roles import may
from crm.events import log
from crm.lib import bulk
from crm.models import Coupon, Customer, Promotion, Purchase, User
from crm.models.coupon import as_code
from crm.rules import matches, parse_rule
from crm.selectors.promotions import ALREADY_REDEEMED, NOT_IN_AUDIENCE

MOST_AT_ONCE = 10_000
# Why a code is refused, in words.
REASONS: Mapping[str, str | Promise] = {
    "already_redeemed": _("The coupon, or the customer's share of the promotion, has been redeemed."),
    "coupon_exhausted": _("The promotion has been redeemed as often as it may be."),
    "expired": _("The coupon or its promotion is over."),
    "not_started": _("The promotion has not begun."),
    "inactive": _("The promotion is switched off."),
    "void": _("The coupon was made void."),
    "not_theirs": _("The coupon was given to another customer."),
    "not_in_audience": _("The promotion is not for this customer."),
    "unknown_coupon": _("There is no coupon with this code."),
    "limit_exceeded": _("Your role may do this only so often a day."),
    "reference_taken": _("The order belongs to another customer."),
}
_made_up: ContextVar[list[int] | None] = ContextVar("coupons_made_up", default=None)


class Refused(ValueError):
    """
    The code cannot be redeemed.

    Attributes:
        code: one of REASONS.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def words(self) -> str:
        return str(REASONS[self.code])


@dataclass(frozen=True, slots=True)
class Gift:
    """
    A code for one customer.

    Attributes:
        cause: what gives it, e.g. "flow:win-back".
        dedupe_key: names the cause exactly; the same key again is the same code.
    """

    promotion_id: int
    customer_id: int
    cause: str
    dedupe_key: str


# --- giving -----------------------------------------------------------------------------------


@transaction.atomic
def create_codes(promotion: Promotion, count: int, *, now: datetime) -> list[Coupon]:
    """
    Make `count` codes that are nobody's yet, at most MOST_AT_ONCE.

    Raises:
        ValueError: fewer than one, or too many.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"from 1 to {MOST_AT_ONCE}")
    made: list[Coupon] = []
    while len(made) < count:  # a code drawn before is drawn anew
        expires_at = promotion.expiry_of_code(now)
        rows = [Coupon(promotion=promotion, issued_at=now, expires_at=expires_at) for _ in range(count - len(made))]
        made += bulk.insert_new(Coupon, rows, unique=("code",))
    return made


@transaction.atomic
def give(gifts: Sequence[Gift], *, now: datetime) -> list[Coupon]:
    """
    Give each customer their own code, with its fact; a fixed number of queries.

    Whether they may have it is asked before (crm.selectors.promotions.why_not).

    Returns:
        One coupon for each gift, in order; for a known dedupe key the code of that time.
    """
    promotions = Promotion.objects.in_bulk({gift.promotion_id for gift in gifts})
    found: dict[str, Coupon] = {}
    # A second round only for a code drawn before, or a gift that another worker has just made.
    while missing := [gift for gift in gifts if gift.dedupe_key not in found]:
        rows = [_coupon(gift, promotions[gift.promotion_id], now) for gift in missing]
        new = bulk.insert_new(Coupon, rows, unique=("dedupe_key",))
        log.record_many([fact for coupon in new for fact in coupon.facts()], now=now)
        found |= {coupon.dedupe_key or "": coupon for coupon in new}
        if len(new) < len(missing):
            known = {gift.dedupe_key for gift in missing} - found.keys()
            earlier = Coupon.objects.filter(dedupe_key__in=known).select_related("promotion")
            found |= {coupon.dedupe_key or "": coupon for coupon in earlier}
    return [found[gift.dedupe_key] for gift in gifts]


def _coupon(gift: Gift, promotion: Promotion, now: datetime) -> Coupon:
    coupon = Coupon(
        promotion=promotion, customer_id=gift.customer_id, issued_at=now, expires_at=promotion.expiry_of_code(now),
        cause=gift.cause, dedupe_key=gift.dedupe_key,
    )  # fmt: skip
    examples = _made_up.get()
    if examples is not None:
        examples.append(len(examples) + 1)
        coupon.code = f"EXAMPLE-{examples[-1]}"
    return coupon


@contextmanager
def made_up() -> Iterator[None]:
    """Codes given inside are examples, the same each time: for a simulation, whose rows are taken back."""
    token = _made_up.set([])
    try:
        yield
    finally:
        _made_up.reset(token)


# --- redeeming --------------------------------------------------------------------------------


def find(code: str) -> Coupon:
    """
    The coupon with this code, however it was typed.

    Raises:
        Refused: unknown_coupon.
    """
    coupon = Coupon.objects.select_related("promotion", "customer").filter(code=as_code(code)).first()
    if coupon is None:
        raise Refused("unknown_coupon")
    return coupon


def check(code: str, *, customer: Customer | None, now: datetime) -> Coupon:
    """
    The coupon, if it could be redeemed at `now`; nothing is written.

    Args:
        customer: who would redeem it; without one, what depends on the person is not asked.

    Raises:
        Refused
    """
    coupon = find(code)
    reason = _why_not(coupon, customer, now) or coupon.promotion.refuses(now)
    if reason or (customer and (reason := _why_not_they(coupon, customer, now))):
        raise Refused(reason)
    if customer and _is_over_limit(coupon, customer, others=True):
        raise Refused(ALREADY_REDEEMED)
    return coupon


@transaction.atomic
def redeem(
    code: str, *, customer: Customer, now: datetime, through: str, actor: User | None = None,
    purchase: tuple[str, str] | None = None, at: datetime | None = None,
) -> Coupon:  # fmt: skip
    """
    Redeem a code for `customer`: exactly once, whoever else tries at the same time.

    The code is taken by one conditional UPDATE, its place under the promotion's limit by another; the second holds the
    promotion's row, so that the customer's own limit is counted by one at a time.

    Args:
        through: the source of the program's key, or "staff".
        purchase: (source, order number); the order itself may become known later.
        at: when it was used, and is asked for as of; `now` unless given.

    Raises:
        Refused: nothing has changed then.
    """
    at = at or now
    coupon = find(code)
    source, reference = purchase or ("", "")
    if purchase and Purchase.objects.filter(source=source, reference=reference).exclude(customer=customer).exists():
        raise Refused("reference_taken")
    if reason := _why_not(coupon, customer, at) or _why_not_they(coupon, customer, at):
        raise Refused(reason)
    taken = Coupon.objects.filter(
        Q(customer=None) | Q(customer=customer), pk=coupon.pk, redeemed_at=None, voided_at=None
    ).update(
        redeemed_at=at, customer=customer, redeemed_by=actor, redeemed_through=through, purchase_source=source,
        purchase_reference=reference,
    )  # fmt: skip
    if not taken:
        raise Refused(_why_not(find(code), customer, at) or ALREADY_REDEEMED)
    room = Q(limit=None) | Q(redeemed_count__lt=F("limit"))
    counted = Promotion.objects.running(at).filter(room, pk=coupon.promotion_id)
    if not counted.update(redeemed_count=F("redeemed_count") + 1):
        raise Refused(Promotion.objects.get(pk=coupon.promotion_id).refuses(at) or "coupon_exhausted")
    if _is_over_limit(coupon, customer):
        raise Refused(ALREADY_REDEEMED)
    coupon = find(code)
    log.record_many(coupon.facts(), now=now)
    return coupon


def redeem_for_order(
    code: str, *, customer: Customer, purchase: tuple[str, str], placed_at: datetime, now: datetime, through: str,
    actor: User | None = None,
) -> Coupon:  # fmt: skip
    """
    Redeem the code that an order came with; the same order again changes nothing.

    It is asked as of the order: what was good when it was placed is good however late we hear of it. Ask before the
    order is recorded, or an audience of first-time buyers no longer holds for who has just bought.

    Args:
        purchase: (source, order number).

    Raises:
        Refused: as `redeem`; nothing has changed then.
    """
    coupon = find(code)
    if coupon.is_redeemed_for(purchase):
        return coupon
    at = max(placed_at, coupon.issued_at)
    try:
        return redeem(code, customer=customer, now=now, through=through, actor=actor, purchase=purchase, at=at)
    except Refused:
        coupon = find(code)
        if coupon.is_redeemed_for(purchase):  # by another report of this order, a moment ago
            return coupon
        raise


@transaction.atomic
def void(coupon: Coupon, *, actor: User | None, now: datetime) -> Coupon:
    """
    Take a code that has not been redeemed out of use.

    Raises:
        Refused: already_redeemed, void, or limit_exceeded: who makes no promotions may do this only so often a day.
    """
    if actor and not may(actor, "promotions.edit"):
        lately = Coupon.objects.filter(voided_by=actor, voided_at__gt=now - timedelta(days=1)).count()
        if lately >= settings.SUPPORT_VOIDS_PER_DAY:
            raise Refused("limit_exceeded")
    rows = Coupon.objects.filter(pk=coupon.pk, redeemed_at=None, voided_at=None)
    if not rows.update(voided_at=now, voided_by=actor):
        coupon.refresh_from_db()
        raise Refused(ALREADY_REDEEMED if coupon.redeemed_at else "void")
    coupon.refresh_from_db()
    return coupon


def _why_not(coupon: Coupon, customer: Customer | None, now: datetime) -> str:
    """What stands on the code itself."""
    state = coupon.state(now)
    if state != "open":
        return ALREADY_REDEEMED if state == "redeemed" else state
    return "not_theirs" if customer and coupon.customer_id not in (None, customer.pk) else ""


def _why_not_they(coupon: Coupon, customer: Customer, now: datetime) -> str:
    """A code given to somebody in person was for them; who finds one must be of its audience."""
    rule = coupon.promotion.audience
    if not rule or coupon.customer_id == customer.pk or matches(parse_rule(rule), {customer.pk}, now=now):
        return ""
    return NOT_IN_AUDIENCE


def _is_over_limit(coupon: Coupon, customer: Customer, *, others: bool = False) -> bool:
    """Has the customer redeemed more of this promotion than one may? `others`: would one more be too many?"""
    most = coupon.promotion.limit_per_customer
    if most is None:
        return False
    used = Coupon.objects.redeemed().filter(promotion=coupon.promotion_id, customer=customer).count()
    return used >= most if others else used > most
