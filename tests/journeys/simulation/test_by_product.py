"""Waits by product are tried with what the script says was ordered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from journeys.simulation.scripts import Happening
from tests.factories.crm import CustomerFactory, ProductFactory, PurchaseFactory, PurchaseItemFactory
from tests.journeys.flows.worlds import send
from tests.journeys.simulation.test_simulate import START, at, bodies, lines, play

pytestmark = pytest.mark.django_db


def by_product(interval: str = "time_of_use") -> dict[str, Any]:
    return {"id": "used", "type": "wait", "until": {"product": interval}}


def delivery(**said: Any) -> dict[str, Any]:
    """A delivery at START that names its products itself."""
    return {"trigger": Happening(START, "Order Delivered", {"order_id": "1001", **said})}


@pytest.mark.parametrize("said", [{"products": [{"sku": "TEA"}, {"sku": "WHISK"}]}, {"sku": "WHISK"}])
def test_somebody_made_up_waits_by_the_products_that_the_script_names(said: dict[str, Any]) -> None:
    ProductFactory.create(sku="TEA", time_of_use=timedelta(days=3))
    ProductFactory.create(sku="WHISK", time_of_use=timedelta(days=10))
    simulation = play(by_product(), send("ask"), **delivery(**said))
    assert lines(simulation) == [
        "06 10:00 - entered", "06 10:00 used waiting", "16 10:00 used woken", "16 10:00 ask sent",
        "16 10:00 - completed",
    ]  # fmt: skip


@pytest.mark.parametrize("said", [{}, {"products": [{"sku": "UNHEARD-OF"}]}, {"products": "TEA"}])
def test_a_script_that_names_no_product_of_ours_has_no_date(said: dict[str, Any]) -> None:
    simulation = play(by_product(), send("ask"), **delivery(**said))
    assert (simulation.state, simulation.reason) == ("exited", "no date")
    assert bodies(simulation) == []


def test_a_delivery_in_the_script_re_times_the_wait() -> None:
    ProductFactory.create(sku="TEA", repurchase_after=timedelta(days=20))
    simulation = play(
        by_product("repurchase_after"),
        flow={"trigger": {"event": "Order Completed"}},
        trigger=Happening(START, "Order Completed", {"order_id": "1001", "products": [{"sku": "TEA"}]}),
        events=[Happening(at(9, "12:00"), "Order Delivered", {"order_id": "1001"})],
    )
    assert lines(simulation)[1:] == [
        "06 10:00 used waiting", "09 12:00 used waiting", "29 12:00 used woken", "29 12:00 - completed",
    ]  # fmt: skip


def test_a_real_customer_is_tried_with_an_order_of_theirs_as_if_it_came_now() -> None:
    customer = CustomerFactory.create()
    purchase = PurchaseFactory.create(customer=customer, reference="1001", delivered_at=START - timedelta(days=300))
    tea = ProductFactory.create(sku="TEA", time_of_use=timedelta(days=3))
    PurchaseItemFactory.create(purchase=purchase, product=tea)
    simulation = play(by_product(), who=customer)
    assert lines(simulation)[1:] == ["06 10:00 used waiting", "09 10:00 used woken", "09 10:00 - completed"]
