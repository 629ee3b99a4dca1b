from typing import Any

import pytest
from django.test import Client

from crm.models import User
from messaging.models import Suppression
from messaging.models.suppression import hash_address
from messaging.services.suppressions import NotStanding, lift_suppression
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/settings/suppressions/"


def stop(address: str = "+66812345678", **fields: Any) -> Suppression:
    values = {"channel": "sms", "scope": "all", "cause": "stop", "since": NOON, **fields}
    return Suppression.objects.create(address_hash=hash_address("sms", address), **values)


def test_what_staff_are_told_is_kept_with_the_reason_and_their_name(manager: Client) -> None:
    sent = {"channel": "sms", "address": "081 234 5678", "scope": "marketing", "reason": "Asked on the phone"}
    manager.post(f"{LIST}new/", sent)
    row = Suppression.objects.get()
    assert row.address_hash == hash_address("sms", "+66812345678")
    assert (row.scope, row.cause, row.detail) == (
        "marketing", "staff", {"reason": "Asked on the phone", "by": "Mali"},
    )  # fmt: skip
    assert "Asked on the phone" in manager.get(LIST).content.decode()


def test_saying_it_twice_keeps_one_entry(manager: Client) -> None:
    sent = {"channel": "email", "address": "Ploy@Example.com ", "scope": "all", "reason": "Asked"}
    manager.post(f"{LIST}new/", sent)
    again = manager.post(f"{LIST}new/", {**sent, "address": "ploy@example.com"}, follow=True)
    assert Suppression.objects.count() == 1
    assert "That stood already." in again.content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"address": "banana"}, "address", "Not a phone number"),
        ({"reason": ""}, "reason", "This field is required."),
        ({"scope": "some"}, "scope", "Select a valid choice. some is not one of the available choices."),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    manager: Client, changes: dict[str, str], field: str, fault: str
) -> None:
    sent = {"channel": "sms", "address": "0812345678", "scope": "all", "reason": "Asked", **changes}
    answer = manager.post(f"{LIST}new/", sent)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {field: [fault]}
    assert not Suppression.objects.exists()


def test_an_address_is_looked_up_by_typing_it(manager: Client) -> None:
    row = stop()
    found = manager.get(f"{LIST}?channel=sms&address=081-234-5678").context["answer"]
    assert (found["address"], found["rows"]) == ("+66812345678", [row])
    nothing = manager.get(f"{LIST}?channel=sms&address=0899999999")
    assert "Nothing stands against +66899999999." in nothing.content.decode()
    faulty = manager.get(f"{LIST}?channel=sms&address=banana")
    assert faulty.context["asked"].errors == {"address": ["Not a phone number"]}


def test_the_list_shows_what_stands_and_on_demand_what_was_lifted(manager: Client) -> None:
    standing, lifted = stop(), stop("+66899999999", lifted_at=NOON, cause="blocked")
    assert manager.get(LIST).context["page"].rows == [standing]
    assert manager.get(f"{LIST}?show=lifted").context["page"].rows == [lifted]
    assert manager.get(f"{LIST}?cause=blocked").context["page"].rows == []
    assert manager.get(f"{LIST}?cause=moon").status_code == 400


def test_an_administrator_lifts_with_a_reason(sign_in: SignIn) -> None:
    row = stop(detail={"withdrew": ["promotions"]})
    client = sign_in(User.Role.ADMIN, first_name="Anya")
    assert client.post(f"{LIST}{row.pk}/lift/", {"reason": ""}).status_code == 422
    row.refresh_from_db()
    assert row.lifted_at is None
    client.post(f"{LIST}{row.pk}/lift/", {"reason": "Wrote to us to say so"})
    row.refresh_from_db()
    assert row.lifted_at is not None
    assert row.detail == {"withdrew": ["promotions"], "lifted": {"reason": "Wrote to us to say so", "by": "Anya"}}


def test_what_was_lifted_is_not_lifted_again(sign_in: SignIn) -> None:
    row = stop(lifted_at=NOON)
    answer = sign_in(User.Role.ADMIN).post(f"{LIST}{row.pk}/lift/", {"reason": "Again"}, follow=True)
    assert "It has been lifted before." in answer.content.decode()
    with pytest.raises(NotStanding):
        lift_suppression(row, reason="Again", actor=UserFactory(), now=NOON)


@pytest.mark.parametrize("role", [User.Role.MANAGER, User.Role.SUPPORT, User.Role.SALES])
def test_who_may_record_a_wish_may_not_lift_it(sign_in: SignIn, role: str) -> None:
    row = stop()
    client = sign_in(role)
    shown = client.get(LIST)
    assert shown.status_code == 200
    assert "/lift/" not in shown.content.decode()
    assert client.post(f"{LIST}{row.pk}/lift/", {"reason": "Please"}).status_code == 403
    row.refresh_from_db()
    assert row.lifted_at is None


@pytest.mark.parametrize("role", [User.Role.MARKETER, User.Role.VIEWER])
def test_others_do_not_see_the_list(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(LIST).status_code == 403


def test_the_list_costs_a_fixed_number_of_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    for n in range(8):
        stop(f"+668123456{n:02}")
    with django_assert_max_num_queries(12):
        manager.get(f"{LIST}?channel=sms&address=0812345601")
