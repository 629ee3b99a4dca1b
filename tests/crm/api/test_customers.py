"""Customers over the API."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from crm import extensions
from crm.models import Consent, ConsentEvent, Customer, Event, Identity, Shop, User
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory, TopicFactory, UserFactory, later

pytestmark = pytest.mark.django_db
PLOY = {
    "identities": {"email": "Ploy@Example.com", "phone": "081 234 5678", "external": {"web": "42"}},
    "name": "Ploy Jaidee",
    "timezone": "Asia/Bangkok",
    "language": "th",
    "attributes": {"size": "M"},
}


def upsert(api: Program, **changes: object) -> dict[str, object]:
    response = api.post("customers/upsert/", {**PLOY, **changes})
    assert response.status_code in (200, 201), response.content
    answer: dict[str, object] = response.json()
    return answer


def test_upsert_makes_somebody_known_and_answers_with_the_customer(api: Program) -> None:
    response = api.post("customers/upsert/", PLOY)

    assert response.status_code == 201
    customer = Customer.objects.get()
    expected = {
        "id": str(customer.public_id),
        "name": "Ploy Jaidee",
        "email": "ploy@example.com",
        "phone": "+66812345678",
        "line_id": "",
        "language": "th",
        "timezone": "Asia/Bangkok",
        "birthday": None,
        "tags": [],
        "attributes": {"size": "M"},
        "source": "web",
        "created_at": customer.created_at.isoformat().replace("+00:00", "Z"),
    }
    body = response.json()
    assert {key: body[key] for key in expected} == expected
    assert list(Event.objects.values_list("name", flat=True)) == ["Customer Created"]


@pytest.mark.parametrize(
    "identities",
    [
        {"email": "PLOY@example.com"},
        {"phone": "๐๘๑๒๓๔๕๖๗๘"},
        {"phone": "+66 (0)81-234-5678"},
        {"phone": "\u200f081 234 5678\u200e"},
        {"external": {"web": "42"}},
    ],
)
def test_any_identity_finds_the_same_person(api: Program, identities: dict[str, object]) -> None:
    known = upsert(api)

    response = api.post("customers/upsert/", {"identities": identities, "name": "Ploy J."})

    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["name"], body["phone"]) == (known["id"], "Ploy J.", "+66812345678")
    assert Customer.objects.count() == 1


def test_what_is_left_out_stays_and_attributes_are_merged(api: Program) -> None:
    upsert(api)

    body = upsert(api, name="Ploy", attributes={"colour": "red", "size": None})

    assert (body["language"], body["attributes"]) == ("th", {"colour": "red"})


def test_tags_are_added_by_upsert_and_set_by_patch(api: Program) -> None:
    customer = upsert(api, tags=["vip"])
    assert upsert(api, tags=["coffee"])["tags"] == ["coffee", "vip"]

    response = api.patch(f"customers/{customer['id']}/", {"tags": ["tea"]})

    assert response.json()["tags"] == ["tea"]


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        ({"identities": {}}, "/identities", "invalid_identities"),
        ({"identities": {"email": "ploy"}}, "/identities/email", "invalid_email"),
        ({"identities": {"phone": "12"}}, "/identities/phone", "invalid_phone"),
        ({"identities": {"external": {"web": ""}}}, "/identities/external/web", "blank"),
        ({"identities": {"external": {str(n): "x" for n in range(21)}}}, "/identities/external", "too_many"),
        ({"identities": {"email": "a@b.co"}, "timezone": "+07:00"}, "/timezone", "invalid"),
        ({"identities": {"email": "a@b.co"}, "birthday": "1990-02-30"}, "/birthday", "invalid"),
        ({"identities": {"email": "a@b.co"}, "attributes": ["a"]}, "/attributes", "not_a_dict"),
        ({"identities": {"email": "a@b.co"}, "consents": {"sms": "in"}}, "/consents/sms", "not_a_dict"),
        ({"identities": {"email": "a@b.co"}, "consents": {"fax": {"x": "in"}}}, "/consents/fax", "invalid_consent"),
        ({"identities": {"email": "a@b.co"}, "consents": {"sms": {"x": "in"}}}, "/consents/sms/x", "invalid_consent"),
        ({"name": "Ploy"}, "/identities", "required"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_and_nothing_is_written(
    api: Program, body: dict[str, object], place: str, code: str
) -> None:
    response = api.post("customers/upsert/", body)

    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert not Customer.objects.exists()


def test_consents_come_with_the_upsert_and_leave_evidence(api: Program) -> None:
    TopicFactory.create(slug="promotions")

    customer = upsert(api, consents={"sms": {"promotions": "in"}, "email": {"promotions": "out"}})

    stored = Consent.objects.values_list("channel", "topic__slug", "state").order_by("channel")
    assert list(stored) == [("email", "promotions", "out"), ("sms", "promotions", "in")]
    assert set(ConsentEvent.objects.values_list("via", flat=True)) == {"api"}
    body = api.get(f"customers/{customer['id']}/consents/").json()
    assert body["consents"] == {"email": {"promotions": "out"}, "sms": {"promotions": "in"}}
    assert len(body["evidence"]) == 2


@pytest.mark.parametrize("wrapped", [True, False])
def test_consent_is_withdrawn_by_put_with_or_without_evidence(api: Program, wrapped: bool) -> None:
    TopicFactory.create(slug="promotions")
    customer = upsert(api, consents={"sms": {"promotions": "in"}})
    change = {"sms": {"promotions": "out"}}

    response = api.put(f"customers/{customer['id']}/consents/", {"consents": change} if wrapped else change)

    assert response.status_code == 200
    assert response.json()["consents"] == change
    assert [row["state"] for row in response.json()["evidence"]] == ["out", "in"]


def test_a_key_for_consents_alone_may_record_them_and_nothing_else(api: Program) -> None:
    TopicFactory.create(slug="promotions")
    customer = upsert(api)
    form = Program("consents:write")

    assert form.put(f"customers/{customer['id']}/consents/", {"sms": {"promotions": "in"}}).status_code == 200
    assert form.patch(f"customers/{customer['id']}/", {"name": "x"}).status_code == 403


def test_the_list_finds_by_words_addresses_ids_and_tags(api: Program) -> None:
    customer = upsert(api, tags=["vip"])
    CustomerFactory.create(name="Somchai", email="somchai@example.com", phone="+66899999999")

    for query in (
        "search=ploy", "search=jaidee+ploy", "search=0812345678", "search=ploy@example", "email=PLOY@example.com",
        "phone=081-234-5678", "external=web:42", "tag=vip",
    ):  # fmt: skip
        found = api.get(f"customers/?{query}").json()["results"]
        assert [row["id"] for row in found] == [customer["id"]], query
    assert api.get("customers/?search=nobody").json()["results"] == []
    assert faults(api.get("customers/?phone=12")) == [("phone", "invalid_phone")]


def test_the_list_narrows_by_when_they_became_known(api: Program) -> None:
    for days in range(3):
        CustomerFactory.create(name=f"C{days}", created_at=later(days=days))

    query = f"created_after={later(hours=1):%Y-%m-%dT%H:%M:%SZ}&created_before={later(days=2):%Y-%m-%dT%H:%M:%S%z}"
    found = api.get(f"customers/?{query}").json()["results"]

    assert [row["name"] for row in found] == ["C1"]
    assert faults(api.get("customers/?created_after=2026-01-01")) == [("created_after", "no_zone")]


def test_a_nameless_visitor_is_nobody_to_list_but_can_be_looked_up(api: Program) -> None:
    visitor = CustomerFactory.create(name="", email="", phone="", is_visitor=True)

    assert api.get("customers/").json()["results"] == []
    assert api.get(f"customers/{visitor.public_id}/").status_code == 200


def test_a_page_of_customers_costs_few_queries_however_many(
    api: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    from crm.services.customers import add_tags

    for _ in range(20):
        add_tags(CustomerFactory.create(), ["vip", "coffee"])

    with django_assert_max_num_queries(12):
        assert len(api.get("customers/?limit=200").json()["results"]) == 20


def test_a_patch_with_the_version_read_is_taken_and_a_lost_update_is_412(api: Program) -> None:
    path = f"customers/{upsert(api)['id']}/"
    version = api.get(path)["ETag"]

    first = api.patch(path, {"name": "Ploy One"}, If_Match=version)
    second = api.patch(path, {"name": "Ploy Two"}, If_Match=version)

    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["code"] == "precondition_failed"
    assert Customer.objects.get().name == "Ploy One"
    assert api.patch(path, {"name": "Ploy Two"}, If_Match=f'"x", {first["ETag"]}').status_code == 200
    assert api.get(f"{path}?fields=name")["ETag"] == api.get(path)["ETag"]


def test_patch_normalises_addresses_and_refuses_somebody_elses(api: Program) -> None:
    path = f"customers/{upsert(api)['id']}/"
    CustomerFactory.create(email="taken@example.com")

    changed = api.patch(path, {"phone": "๐๘๙๙๙๙๙๙๙๙", "birthday": "1990-04-13"}).json()
    assert (changed["phone"], changed["birthday"]) == ("+66899999999", "1990-04-13")
    assert Identity.objects.filter(value="+66899999999").exists()
    assert faults(api.patch(path, {"email": "taken@example.com"})) == [("/email", "invalid")]
    assert faults(api.patch(path, {"phone": "12"})) == [("/phone", "invalid_phone")]
    assert Customer.objects.get(name="Ploy Jaidee").email == "ploy@example.com"


def test_create_adds_somebody_and_refuses_nobody_in_particular(api: Program) -> None:
    response = api.post("customers/", {"name": "Ann", "tags": ["vip"]})

    assert (response.status_code, response.json()["tags"]) == (201, ["vip"])
    assert Customer.objects.get().source == "web"
    assert faults(api.post("customers/", {"language": "th"})) == [("/name", "invalid")]


def test_the_timeline_tells_what_happened_newest_first(api: Program) -> None:
    customer = upsert(api)
    PurchaseFactory.create(customer=Customer.objects.get(), reference="1001", placed_at=NOON, paid_at=later(hours=1))

    body = api.get(f"customers/{customer['id']}/timeline/?limit=2").json()

    assert [row["event"] for row in body["results"]] == ["Customer Created", "Order Paid"]
    paid = body["results"][1]
    assert (paid["occurred_at"], paid["customer"]) == ("2026-03-02T13:00:00Z", customer["id"])
    assert paid["properties"]["order_id"] == "1001"
    rest = api.client.get(body["next"], headers={"Authorization": f"Bearer {api.secret}"}).json()
    assert [row["event"] for row in rest["results"]] == ["Order Completed"]


def test_sales_who_see_only_their_own_are_told_of_nobody_else() -> None:
    Shop.current()
    Shop.objects.update(sales_see=Shop.SalesSee.OWN)
    ann, bo = UserFactory.create(role=User.Role.SALES), UserFactory.create(role=User.Role.SALES)
    theirs = CustomerFactory.create(name="Theirs", owner=bo)
    CustomerFactory.create(name="Own", owner=ann)
    client = Client()
    client.force_login(ann)

    assert [row["name"] for row in client.get("/api/v1/customers/").json()["results"]] == ["Own"]
    for suffix in ("", "timeline/", "consents/"):
        assert client.get(f"/api/v1/customers/{theirs.public_id}/{suffix}").status_code == 404
    patched = client.patch(f"/api/v1/customers/{theirs.public_id}/", {"name": "x"}, content_type="application/json")
    assert patched.status_code == 404
    found = client.post(
        "/api/v1/customers/upsert/", {"identities": {"email": theirs.email}}, content_type="application/json"
    )
    assert (found.status_code, theirs.name in found.content.decode()) == (403, False)
    theirs.refresh_from_db()
    assert theirs.name == "Theirs"


def test_who_may_not_see_contacts_gets_them_masked() -> None:
    CustomerFactory.create(email="ploy@example.com", phone="+66812345678", line_id="U4af498062")
    client = Client()
    client.force_login(UserFactory.create(role=User.Role.MARKETER))

    row = client.get("/api/v1/customers/").json()["results"][0]

    assert (row["email"], row["phone"], row["line_id"]) == ("p•••@e•••.com", "+66 ••• 678", "U4•••")


def test_an_app_can_add_a_field_and_is_asked_once_a_page(api: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look_up(customers: list[Customer], now: datetime) -> dict[int, str]:
        asked.append(len(customers))
        return {customers[0].pk: "gold"}

    field = extensions.CustomerField("tier", look_up, "none", {"type": "string"})
    monkeypatch.setitem(extensions._customer_fields, "tier", field)
    CustomerFactory.create(created_at=NOON)
    newest = CustomerFactory.create(created_at=later(days=1))

    rows = api.get("customers/").json()["results"]

    assert [row["tier"] for row in rows] == ["gold", "none"]
    assert asked == [2]
    assert api.get(f"customers/{newest.public_id}/").json()["tier"] == "gold"
