"""Lists: pages, order and fields."""

import pytest

from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, later

pytestmark = pytest.mark.django_db


def names(response: object) -> list[str]:
    return [row["name"] for row in response.json()["results"]]


def test_pages_follow_each_other_both_ways_and_lose_nobody(api: Program) -> None:
    for number in range(5):
        CustomerFactory.create(name=f"C{number}", created_at=later(days=number))

    first = api.get("customers/?limit=2")
    assert names(first) == ["C4", "C3"]
    assert first.json()["previous"] is None
    second = api.client.get(first.json()["next"], headers={"Authorization": f"Bearer {api.secret}"})
    CustomerFactory.create(name="newcomer", created_at=later(days=9))
    third = api.client.get(second.json()["next"], headers={"Authorization": f"Bearer {api.secret}"})
    assert (names(second), names(third)) == (["C2", "C1"], ["C0"])
    assert third.json()["next"] is None
    back = api.client.get(third.json()["previous"], headers={"Authorization": f"Bearer {api.secret}"})
    assert names(back) == ["C2", "C1"]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "9" * 30, "๕", "000000001" + "0" * 9, "9" * 5_000])
def test_a_limit_that_is_none_is_refused(api: Program, limit: str) -> None:
    response = api.get(f"customers/?limit={limit}")
    assert (response.status_code, faults(response)) == (400, [("limit", "invalid")])


def test_a_cursor_of_something_else_is_refused(api: Program) -> None:
    response = api.get("customers/?cursor=nonsense")
    assert (response.status_code, faults(response)) == (400, [("cursor", "invalid_cursor")])


def test_fields_leaves_only_what_was_asked_for(api: Program) -> None:
    CustomerFactory.create(name="Ann", email="ann@example.com")

    assert api.get("customers/?fields=name,email").json()["results"] == [{"name": "Ann", "email": "ann@example.com"}]
    assert faults(api.get("customers/?fields=name,secret")) == [("fields", "unknown_field")]
