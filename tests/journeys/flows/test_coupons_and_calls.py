"""What steps give the customer and tell other systems: coupons and webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from crm.models import Coupon, Customer, Event, HookDelivery, Promotion
from crm.services import coupons
from crm.services.customers import add_tags
from journeys.flows import runner
from journeys.models import Enrolment, StepVisit
from messaging.models import Message
from messaging.outbox import sender
from tests.factories.crm import CustomerFactory, PromotionFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db

CART = {"event": "Checkout Started"}
COUPON = {"id": "gift", "type": "coupon", "promotion": "spring"}
CALL = {"id": "tell", "type": "webhook", "url": "https://hooks.shop.example/waymark"}


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


@pytest.fixture
def promotion() -> Promotion:
    return PromotionFactory.create(slug="spring", name="Spring", percent=15, coupon_days=14)


def send(id_: str, body: str) -> dict[str, Any]:
    return {"id": id_, "type": "send", "channel": "sms", "topic": "after_sales", "body": body}


def enter(customer: Customer, *steps: dict[str, Any]) -> Enrolment:
    live_flow(*steps, trigger=CART)
    happens(customer, "Checkout Started", day(1), order_id="A-1")
    runner.run_due(now=day(1), limit=10)
    return run_of(customer)


def outcomes(run: Enrolment) -> list[tuple[str, str, dict[str, Any]]]:
    found = StepVisit.objects.filter(enrolment=run).order_by("pk")
    return list(found.values_list("step", "outcome", "detail"))


# --- coupons ----------------------------------------------------------------------------------


def test_the_messages_behind_a_coupon_step_know_the_code(customer: Customer, promotion: Promotion) -> None:
    text = "{{ coupon.code }}, {{ coupon.value }}, until {{ coupon.expires_on }}"
    run = enter(customer, COUPON, send("say", text))
    coupon = Coupon.objects.get()
    assert (coupon.customer, coupon.promotion, coupon.issued_at) == (customer, promotion, day(1))
    assert (coupon.expires_at, coupon.dedupe_key) == (day(15), f"enrolment:{run.pk}:gift:1")
    sender.send_due(now=day(1), limit=10)
    assert Message.objects.get().body == f"{coupon.code}, 15%, until 2026-03-17"
    assert outcomes(run) == [("gift", "given", {"promotion": "spring"}), ("say", "queued", {})]
    issued = Event.objects.get(name="Coupon Issued")
    assert (issued.customer, issued.properties["coupon_id"]) == (customer, coupon.code)


def test_a_message_before_the_coupon_step_does_not_know_it(customer: Customer, promotion: Promotion) -> None:
    careful = "{% if coupon %}{{ coupon.code }}{% else %}none{% endif %}"
    enter(customer, send("before", careful), COUPON, send("after", careful))
    sender.send_due(now=day(1), limit=10)
    assert [message.body for message in Message.objects.order_by("pk")] == ["none", Coupon.objects.get().code]


def test_a_code_is_there_after_a_long_wait_too(customer: Customer, promotion: Promotion) -> None:
    enter(customer, COUPON, PAUSE, send("say", "{{ coupon.code }}"))
    runner.run_due(now=day(40), limit=10)
    sender.send_due(now=day(40), limit=10)
    assert Message.objects.get().body == Coupon.objects.get().code


def test_each_step_has_its_own_code(customer: Customer, promotion: Promotion) -> None:
    PromotionFactory.create(slug="second")
    second = COUPON | {"id": "more", "promotion": "second"}
    enter(customer, COUPON, send("one", "{{ coupon.code }}"), second, send("two", "{{ coupon.code }}"))
    sender.send_due(now=day(1), limit=10)
    codes = [coupon.code for coupon in Coupon.objects.order_by("pk")]
    assert [message.body for message in Message.objects.order_by("pk")] == codes
    assert len(set(codes)) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_active": False}, "inactive"),
        ({"starts_at": day(2)}, "not_started"),
        ({"ends_at": day(1)}, "expired"),
        ({"limit": 3, "redeemed_count": 3}, "coupon_exhausted"),
        ({"audience": {"tag": "vip"}}, "not_in_audience"),
    ],
)
def test_a_promotion_that_gives_nothing_is_said_and_the_flow_goes_on(
    customer: Customer, promotion: Promotion, changes: dict[str, Any], reason: str
) -> None:
    Promotion.objects.filter(pk=promotion.pk).update(**changes)
    run = enter(customer, COUPON, send("say", "Hello{% if coupon %} {{ coupon.code }}{% endif %}"))
    assert outcomes(run) == [
        ("gift", "no_coupon", {"promotion": "spring", "reason": reason}), ("say", "queued", {}),
    ]  # fmt: skip
    assert not Coupon.objects.exists()
    sender.send_due(now=day(1), limit=10)
    assert Message.objects.get().body == "Hello"


def test_a_message_that_cannot_do_without_the_code_fails_and_says_why(customer: Customer, promotion: Promotion) -> None:
    Promotion.objects.update(is_active=False)
    run = enter(customer, COUPON, send("say", "{{ coupon.code }}"))
    sender.send_due(now=day(1), limit=10)
    message = Message.objects.get()
    assert (message.state, message.reason) == ("failed", "template_error")
    assert "coupon" in message.detail
    assert run.state == Enrolment.State.COMPLETED


def test_a_promotion_that_was_taken_away_stops_nobody(customer: Customer, promotion: Promotion) -> None:
    live_flow(COUPON, trigger=CART)
    promotion.delete()
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    assert outcomes(run_of(customer)) == [
        ("gift", "no_coupon", {"promotion": "spring", "reason": "no_promotion"})
    ]  # fmt: skip


def test_who_has_redeemed_the_promotion_as_often_as_one_may_gets_no_second_code(
    customer: Customer, promotion: Promotion
) -> None:
    code = coupons.create_codes(promotion, 1, now=day(0))[0].code
    coupons.redeem(code, customer=customer, now=day(0), through="web")
    run = enter(customer, COUPON)
    assert outcomes(run)[0][2]["reason"] == "already_redeemed"


def test_a_code_of_something_else_does_not_stand_in_for_one_that_was_refused(
    customer: Customer, promotion: Promotion
) -> None:
    PromotionFactory.create(slug="over", is_active=False)
    over = COUPON | {"id": "more", "promotion": "over"}
    enter(customer, COUPON, over, send("say", "{{ coupon.code | default: 'none' }}"))
    sender.send_due(now=day(1), limit=10)
    assert Message.objects.get().body == "none"


def test_a_batch_that_is_done_again_gives_one_code_for_each_customer(
    promotion: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = CustomerFactory.create_batch(3)
    live_flow(COUPON, send("say", "{{ coupon.code }}"), trigger=CART)
    for customer in people:
        happens(customer, "Checkout Started", day(1))
    performers = dict(runner.PERFORMERS)
    queue = next(performer for kind, performer in performers.items() if kind.__name__ == "SendMessage")

    def poisoned(orders: Any, now: Any) -> None:
        if any(order.run.customer_id == people[1].pk for order in orders):
            raise RuntimeError("poison")
        queue(orders, now)

    kind = next(kind for kind in performers if kind.__name__ == "SendMessage")
    monkeypatch.setattr(runner, "PERFORMERS", performers | {kind: poisoned})
    assert runner.run_due(now=day(1), limit=10) == {"completed": 2, "failed": 1}
    sender.send_due(now=day(1), limit=10)
    given = {coupon.customer_id: coupon.code for coupon in Coupon.objects.all()}
    assert {message.customer_id: message.body for message in Message.objects.all()} == given
    assert set(given) == {people[0].pk, people[2].pk}


def test_the_number_of_queries_does_not_grow_with_the_batch(
    promotion: Promotion, django_assert_max_num_queries: Any
) -> None:
    Promotion.objects.update(audience={"not": {"tag": "no-promotions"}})
    live_flow(COUPON, CALL, send("say", "{{ coupon.code }}"), trigger=CART)
    used = []
    for size in (1, 2, 20):  # the first finds nothing remembered
        for customer in CustomerFactory.create_batch(size):
            happens(customer, "Checkout Started", day(1))
        with django_assert_max_num_queries(200) as queries:
            runner.run_due(now=day(1), limit=100)
        used.append(len(queries))
    assert used[1] == used[2]
    assert Coupon.objects.count() == HookDelivery.objects.count() == 23


# --- calls ------------------------------------------------------------------------------------


def test_a_call_goes_into_the_outbox_and_says_who_and_why(customer: Customer) -> None:
    run = enter(customer, CALL)
    delivery = HookDelivery.objects.get()
    assert (delivery.state, delivery.url, delivery.due_at) == ("queued", CALL["url"], day(1))
    assert delivery.dedupe_key == f"enrolment:{run.pk}:tell:1"
    body = orjson.loads(delivery.body)
    assert body == {
        "type": "flow.step",
        "timestamp": "2026-03-03T12:00:00Z",
        "customer": {
            "id": str(customer.public_id), "name": customer.name, "email": customer.email,
            "phone": str(customer.phone), "language": customer.language,
        },
        "flow": run.flow.slug,
        "step": "tell",
        "enrolment": run.pk,
        "event": {"order_id": "A-1"},
        "context": {},
    }  # fmt: skip
    assert outcomes(run) == [("tell", "called", {})]


def test_texts_of_a_body_are_filled_in_and_everything_else_stays(customer: Customer) -> None:
    body = {"order": "{{ event.order_id }}", "deep": [{"name": "{{ customer.name }}"}, 3, True, None]}
    enter(customer, CALL | {"body": body})
    assert orjson.loads(HookDelivery.objects.get().body) == {
        "order": "A-1", "deep": [{"name": customer.name}, 3, True, None],
    }  # fmt: skip


def test_a_call_behind_a_coupon_knows_it(customer: Customer, promotion: Promotion) -> None:
    enter(customer, COUPON, CALL)
    code = Coupon.objects.get().code
    assert orjson.loads(HookDelivery.objects.get().body)["context"]["coupon"]["code"] == code


def test_a_body_that_cannot_be_filled_in_is_a_failed_call_and_the_flow_goes_on(customer: Customer) -> None:
    run = enter(customer, CALL | {"body": {"x": "{{ event.gone }}"}}, {"id": "mark", "type": "tag", "add": ["told"]})
    delivery = HookDelivery.objects.get()
    assert (delivery.state, delivery.reason, delivery.ended_at) == ("failed", "template_error", day(1))
    assert "event.gone" in delivery.detail
    assert run.state == Enrolment.State.COMPLETED
    assert [tag.name for tag in customer.tags.all()] == ["told"]


def test_a_visit_makes_one_call_whatever_is_done_again(customer: Customer) -> None:
    run = enter(customer, CALL)
    HookDelivery.objects.update(state="delivered")
    # As after a crash that lost the run's own rows, but not the call's.
    StepVisit.objects.all().delete()
    first = run.version.definition["steps"][0]["id"]
    Enrolment.objects.update(state="active", stand="start", step=first, due_at=day(2), ended_at=None)
    runner.run_due(now=day(2) + timedelta(minutes=1), limit=10)
    assert HookDelivery.objects.get().state == "delivered"


def test_a_visit_gives_one_code_whatever_is_done_again(customer: Customer, promotion: Promotion) -> None:
    run = enter(customer, COUPON)
    code = Coupon.objects.get().code
    StepVisit.objects.all().delete()
    Enrolment.objects.update(state="active", stand="start", step="gift", due_at=day(2), ended_at=None, context={})
    runner.run_due(now=day(2), limit=10)
    assert Coupon.objects.get().code == code
    run.refresh_from_db()
    assert run.context["coupon"]["code"] == code


def test_tags_are_seen_by_the_audience_of_a_coupon_behind_them(customer: Customer, promotion: Promotion) -> None:
    Promotion.objects.update(audience={"tag": "vip"})
    add_tags(customer, ["other"])
    enter(customer, {"id": "mark", "type": "tag", "add": ["vip"]}, COUPON)
    assert Coupon.objects.get().customer == customer
