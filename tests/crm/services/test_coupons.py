"""Codes are given to one person and redeemed once, whoever tries at the same time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from crm.models import Coupon, Customer, Event, Promotion
from crm.models.coupon import ALPHABET, as_code, new_code
from crm.services import coupons, merges
from crm.services.coupons import Gift, Refused
from tests.factories.crm import NOON, CustomerFactory, PromotionFactory, PurchaseFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def promotion() -> Promotion:
    return PromotionFactory.create(slug="spring", name="Spring", percent=15)


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def code_of(promotion: Promotion) -> str:
    return coupons.create_codes(promotion, 1, now=NOON)[0].code


def refusal(code: str, customer: Customer, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        coupons.redeem(code, customer=customer, through="web", **({"now": NOON} | more))
    return refused.value.code


# --- codes ------------------------------------------------------------------------------------


def test_a_code_is_ten_letters_and_digits_that_nobody_mistakes() -> None:
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all(len(code) == 11 and code[5] == "-" for code in codes)
    assert set("".join(codes)) <= {*ALPHABET, "-"}
    assert not set("01OIL") & set(ALPHABET)


@pytest.mark.parametrize("typed", ["K7QPM-3XWHT", "k7qpm3xwht", " k7qpm 3xwht ", "K7QPM–3XWHT", "k7-qpm-3x-wht"])
def test_a_code_is_found_however_it_was_typed(typed: str) -> None:
    assert as_code(typed) == "K7QPM-3XWHT"


def test_many_codes_are_made_by_one_statement(promotion: Promotion, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):  # savepoint, insert, release
        made = coupons.create_codes(promotion, 500, now=NOON)
    assert len({coupon.code for coupon in made}) == Coupon.objects.count() == 500
    assert not Event.objects.filter(name="Coupon Issued").exists()


def test_a_code_drawn_before_is_drawn_anew(promotion: Promotion, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter("A" * 20 + "B" * 10)
    monkeypatch.setattr("crm.models.coupon.secrets.choice", lambda alphabet: next(drawn))
    assert [it.code for it in coupons.create_codes(promotion, 2, now=NOON)] == ["AAAAA-AAAAA", "BBBBB-BBBBB"]


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_no_codes_and_too_many_codes_are_refused(promotion: Promotion, count: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 10000"):
        coupons.create_codes(promotion, count, now=NOON)
    assert not Coupon.objects.exists()


@pytest.mark.parametrize(
    ("days", "ends", "expires"),
    [(None, None, None), (14, None, 14), (None, 30, 30), (14, 30, 14), (14, 5, 5)],
)
def test_a_code_is_good_for_its_days_and_never_beyond_the_promotion(
    promotion: Promotion, days: int | None, ends: int | None, expires: int | None
) -> None:
    promotion.coupon_days, promotion.ends_at = days, NOON + ends * DAY if ends else None
    (coupon,) = coupons.create_codes(promotion, 1, now=NOON)
    assert coupon.expires_at == (NOON + expires * DAY if expires else None)


def test_the_same_gift_again_is_the_same_code_and_the_same_fact(promotion: Promotion, customer: Customer) -> None:
    gift = Gift(promotion.pk, customer.pk, "flow:win-back", "enrolment:1:gift:1")
    (first,) = coupons.give([gift], now=NOON)
    (second,) = coupons.give([gift], now=NOON + DAY)
    assert (first.code, first.issued_at) == (second.code, second.issued_at)
    assert Coupon.objects.count() == Event.objects.filter(name="Coupon Issued").count() == 1


# --- redeeming --------------------------------------------------------------------------------


def test_redeeming_says_who_when_for_which_order_and_is_a_fact(promotion: Promotion, customer: Customer) -> None:
    code = code_of(promotion)
    staff = UserFactory.create()
    coupon = coupons.redeem(
        code.lower(), customer=customer, now=NOON, through="staff", actor=staff, purchase=("web", "1001")
    )
    assert (coupon.customer, coupon.redeemed_at, coupon.redeemed_by) == (customer, NOON, staff)
    assert (coupon.purchase_source, coupon.purchase_reference) == ("web", "1001")
    promotion.refresh_from_db()
    assert promotion.redeemed_count == 1
    fact = Event.objects.get(name="Coupon Redeemed")
    assert (fact.customer, fact.occurred_at) == (customer, NOON)
    assert fact.properties == {
        "coupon_id": code, "coupon_name": "Spring", "promotion": "spring", "value": "15%", "expires_at": None,
        "order_id": "1001", "through": "staff",
    }  # fmt: skip
    assert not Event.objects.filter(name="Coupon Issued").exists()


def test_a_code_is_redeemed_once(promotion: Promotion, customer: Customer) -> None:
    code = code_of(promotion)
    coupons.redeem(code, customer=customer, now=NOON, through="web")
    assert refusal(code, customer) == "already_redeemed"
    assert refusal(code, CustomerFactory.create()) == "already_redeemed"
    promotion.refresh_from_db()
    assert promotion.redeemed_count == 1


def test_one_customer_redeems_a_promotion_as_often_as_one_may(promotion: Promotion, customer: Customer) -> None:
    coupons.redeem(code_of(promotion), customer=customer, now=NOON, through="web")
    assert refusal(code_of(promotion), customer) == "already_redeemed"
    Promotion.objects.update(limit_per_customer=2)
    coupons.redeem(code_of(promotion), customer=customer, now=NOON, through="web")
    assert refusal(code_of(promotion), customer) == "already_redeemed"
    Promotion.objects.update(limit_per_customer=None)
    coupons.redeem(code_of(promotion), customer=customer, now=NOON, through="web")


def test_what_was_refused_has_changed_nothing(promotion: Promotion, customer: Customer) -> None:
    Promotion.objects.update(limit=1)
    coupons.redeem(code_of(promotion), customer=customer, now=NOON, through="web")
    code = code_of(promotion)
    assert refusal(code, CustomerFactory.create()) == "coupon_exhausted"
    coupon = coupons.find(code)
    assert (coupon.redeemed_at, coupon.customer, coupon.redeemed_through) == (None, None, "")
    promotion.refresh_from_db()
    assert promotion.redeemed_count == 1
    assert Event.objects.filter(name="Coupon Redeemed").count() == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_active": False}, "inactive"),
        ({"starts_at": NOON + DAY}, "not_started"),
        ({"ends_at": NOON}, "expired"),
        ({"limit": 2, "redeemed_count": 2}, "coupon_exhausted"),
        ({"audience": {"tag": "vip"}}, "not_in_audience"),
    ],
)
def test_a_promotion_that_is_not_for_now_or_not_for_them_refuses(
    promotion: Promotion, customer: Customer, changes: dict[str, Any], reason: str
) -> None:
    code = code_of(promotion)
    Promotion.objects.update(**changes)
    assert refusal(code, customer) == reason
    with pytest.raises(Refused) as refused:
        coupons.check(code, customer=customer, now=NOON)
    assert refused.value.code == reason


def test_a_code_that_is_too_old_void_or_unknown_is_refused(promotion: Promotion, customer: Customer) -> None:
    Promotion.objects.update(coupon_days=1)
    promotion.refresh_from_db()
    code = code_of(promotion)
    coupons.check(code, customer=customer, now=NOON + DAY - timedelta.resolution)
    assert refusal(code, customer, now=NOON + DAY) == "expired"
    void = coupons.find(code_of(promotion))
    coupons.void(void, actor=UserFactory.create(), now=NOON)
    assert refusal(void.code, customer) == "void"
    assert refusal("nothing", customer) == "unknown_coupon"


def test_a_code_given_to_somebody_is_theirs_alone_and_asks_no_more_who_they_are(
    promotion: Promotion, customer: Customer
) -> None:
    (coupon,) = coupons.give([Gift(promotion.pk, customer.pk, "flow:x", "one")], now=NOON)
    Promotion.objects.update(audience={"tag": "vip"})
    assert refusal(coupon.code, CustomerFactory.create()) == "not_theirs"
    coupons.redeem(coupon.code, customer=customer, now=NOON, through="web")


def test_an_order_of_somebody_else_is_refused(promotion: Promotion, customer: Customer) -> None:
    other = PurchaseFactory.create(source="web", reference="7")
    assert refusal(code_of(promotion), customer, purchase=("web", "7")) == "reference_taken"
    coupons.redeem(code_of(promotion), customer=other.customer, now=NOON, through="web", purchase=("web", "7"))


def test_checking_writes_nothing_and_knows_less_without_a_customer(promotion: Promotion, customer: Customer) -> None:
    code = code_of(promotion)
    Promotion.objects.update(audience={"tag": "vip"})
    assert coupons.check(code, customer=None, now=NOON).code == code
    assert Coupon.objects.get().redeemed_at is None


def test_a_redeemed_code_cannot_be_made_void_nor_a_void_one_again(promotion: Promotion, customer: Customer) -> None:
    staff = UserFactory.create()
    redeemed = coupons.redeem(code_of(promotion), customer=customer, now=NOON, through="web")
    with pytest.raises(Refused, match="already_redeemed"):
        coupons.void(redeemed, actor=staff, now=NOON)
    void = coupons.void(coupons.find(code_of(promotion)), actor=staff, now=NOON)
    assert (void.state(NOON), void.voided_by) == ("void", staff)
    with pytest.raises(Refused, match="void"):
        coupons.void(void, actor=staff, now=NOON)


def test_coupons_move_with_a_customer_who_is_merged(promotion: Promotion, customer: Customer) -> None:
    loser = CustomerFactory.create()
    coupons.give([Gift(promotion.pk, loser.pk, "flow:x", "one")], now=NOON)
    merges.merge_customers(survivor=customer, loser=loser, reason="test", actor=None, now=NOON)
    assert Coupon.objects.get().customer == customer


# --- many at once -----------------------------------------------------------------------------


def at_once(works: Sequence[Callable[[], str]]) -> Counter[str]:
    """Run them at the same time, each on its own connection; how often each answer came."""
    answers: Counter[str] = Counter()
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], str]) -> None:
        try:
            gate.wait(timeout=30)
            answers[work()] += 1
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def trying(code: str, customer: Customer) -> Callable[[], str]:
    def work() -> str:
        try:
            coupons.redeem(code, customer=customer, now=NOON, through="web")
        except Refused as refused:
            return refused.code
        return "redeemed"

    return work


@pytest.mark.django_db(transaction=True)
def test_of_sixty_at_once_ten_are_redeemed_when_ten_is_the_limit() -> None:
    promotion = PromotionFactory.create(limit=10)
    codes = coupons.create_codes(promotion, 60, now=NOON)
    people = CustomerFactory.create_batch(60)
    answers = at_once([trying(coupon.code, who) for coupon, who in zip(codes, people, strict=True)])
    assert answers == {"redeemed": 10, "coupon_exhausted": 50}
    promotion.refresh_from_db()
    assert promotion.redeemed_count == Coupon.objects.redeemed().count() == 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_code", [True, False])
def test_of_twenty_tries_of_one_customer_at_once_one_is_redeemed(same_code: bool) -> None:
    promotion, customer = PromotionFactory.create(), CustomerFactory.create()
    codes = [it.code for it in coupons.create_codes(promotion, 1 if same_code else 20, now=NOON)]
    answers = at_once([trying(codes[n % len(codes)], customer) for n in range(20)])
    assert answers == {"redeemed": 1, "already_redeemed": 19}
    promotion.refresh_from_db()
    assert promotion.redeemed_count == Coupon.objects.redeemed().count() == 1
    assert Event.objects.filter(name="Coupon Redeemed").count() == 1
