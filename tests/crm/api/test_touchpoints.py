"""Touchpoints and products over the API."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Touchpoint, TouchpointVisit
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import ProductFactory, TouchpointFactory

pytestmark = pytest.mark.django_db
FLYER: dict[str, Any] = {
    "name": "Songkran flyer", "kind": "flyer", "url": "https://shop.example.com/songkran", "campaign": "songkran-2026",
    "cost": {"amount": "1500.00", "currency": "THB"}, "starts_on": "2026-04-01",
}  # fmt: skip


def test_a_touchpoint_is_made_with_a_short_link_to_print(api: Program) -> None:
    response = api.post("touchpoints/", FLYER)

    assert response.status_code == 201
    body = response.json()
    assert body["short_url"].endswith(f"/t/{body['code']}")
    assert (body["cost"], body["starts_on"], body["visits"]) == (FLYER["cost"], "2026-04-01", 0)
    assert api.get(f"touchpoints/{body['id']}/").json() == body


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"url": "javascript:alert(1)"}, "/url", "invalid"),
        ({"code": "no spaces"}, "/code", "invalid"),
        ({"code": "taken"}, "/code", "invalid"),
        ({"kind": "x"}, "/kind", "invalid_choice"),
        ({"cost": 5}, "/cost", "invalid"),
    ],
)
def test_what_cannot_be_is_named(api: Program, changes: dict[str, Any], place: str, code: str) -> None:
    TouchpointFactory.create(code="taken")

    response = api.post("touchpoints/", {**FLYER, **changes})

    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert Touchpoint.objects.count() == 1


def test_the_list_counts_the_visits_of_people(api: Program) -> None:
    touchpoint = TouchpointFactory.create(campaign="songkran-2026")
    for robot in (False, False, True):
        TouchpointVisit.objects.create(touchpoint=touchpoint, is_bot=robot)
    TouchpointFactory.create(name="Billboard", kind="billboard")

    for query in ("campaign=songkran-2026", "kind=flyer", "search=flyer"):
        assert [row["visits"] for row in api.get(f"touchpoints/?{query}").json()["results"]] == [2]


def test_products_are_listed_with_their_price(api: Program) -> None:
    ProductFactory.create(sku="KTL-1", name="Kettle", price_minor=59000, currency="THB")
    ProductFactory.create(sku="FLT-1", name="Filter")

    rows = api.get("products/?search=kettle").json()["results"]

    assert [(row["sku"], row["price"]) for row in rows] == [("KTL-1", {"amount": "590.00", "currency": "THB"})]
    assert [row["price"] for row in api.get("products/?sku=FLT-1").json()["results"]] == [None]
