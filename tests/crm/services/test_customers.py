import pytest

from crm.models import Customer, Event
from crm.services import customers
from crm.services.customers import InvalidCustomer
from crm.services.identities import clean
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later

pytestmark = pytest.mark.django_db


def test_an_upsert_makes_and_then_completes_the_record() -> None:
    first = customers.upsert_customer(
        identities=clean(email="a@example.com"), name="Ann", language="th", attributes={"plan": "gold", "size": "M"},
        tags=["vip"], now=NOON, source="web",
    )  # fmt: skip
    second = customers.upsert_customer(
        identities=clean(email="a@example.com"), time_zone="Asia/Bangkok", attributes={"size": None, "shoe": 42},
        now=later(days=1), source="web",
    )  # fmt: skip

    assert (first.created, second.created) == (True, False)
    customer = Customer.objects.get()
    assert (customer.name, customer.language, customer.time_zone) == ("Ann", "th", "Asia/Bangkok")
    assert customer.attributes == {"plan": "gold", "shoe": 42}
    assert [tag.name for tag in customer.tags.all()] == ["vip"]


@pytest.mark.parametrize(
    ("change", "field"),
    [({"time_zone": "UTC+7"}, "time_zone"), ({"name": "x" * 201}, "name"), ({"attributes": [1]}, "attributes")],
)
def test_a_value_that_does_not_fit_is_named_and_nothing_is_written(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidCustomer) as caught:
        customers.upsert_customer(identities=clean(email="a@example.com"), now=NOON, source="web", **change)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert not Customer.objects.exists()


def test_a_change_remembers_who_made_it() -> None:
    customer, staff = CustomerFactory.create(), UserFactory.create()

    customers.edit_customer(customer, {"name": "New name", "owner": staff}, now=NOON, actor=staff)

    assert customer.history.first().history_user == staff
    assert Customer.objects.get(pk=customer.pk).owner == staff


def test_an_address_of_somebody_else_is_refused() -> None:
    CustomerFactory.create(phone="+66812345678")
    customer = CustomerFactory.create()

    with pytest.raises(InvalidCustomer) as caught:
        customers.edit_customer(customer, {"phone": "081 234 5678"}, now=NOON, actor=None)
    assert (caught.value.field, caught.value.message) == ("phone", "belongs to another customer")


@pytest.mark.parametrize("change", [{"email": "nonsense"}, {"phone": "12"}, {"is_superuser": "yes"}])
def test_a_bad_or_unknown_field_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InvalidCustomer) as caught:
        customers.edit_customer(CustomerFactory.create(), change, now=NOON, actor=None)
    assert caught.value.field == next(iter(change))


def test_staff_write_somebody_down() -> None:
    staff = UserFactory.create()

    customer = customers.create_customer(name="Somchai", phone="081 234 5678", now=NOON, actor=staff, owner=staff)

    customer.refresh_from_db()
    assert (str(customer.phone), customer.owner, customer.source) == ("+66812345678", staff, "staff")
    assert Event.objects.get().name == "Customer Created"
    with pytest.raises(InvalidCustomer, match="name or an address"):
        customers.create_customer(now=NOON, actor=staff)


def test_search_finds_people_by_any_part_of_what_they_are_known_by() -> None:
    ann = CustomerFactory.create(name="Ann Lee", email="ann@example.com", phone="+66812345678")
    boon = CustomerFactory.create(name="บุญชัย ใจดี", email="boon@example.com", phone="+66898765432")

    for text, expected in [
        ("ann", [ann]), ("lee ann", [ann]), ("ใจดี", [boon]), ("boon@", [boon]), ("081234", [ann]), ("5678", [ann]),
        ("+66898", [boon]), ("081-234-5678", [ann]), ("nobody", []), ("", [ann, boon]),
    ]:  # fmt: skip
        assert list(Customer.objects.matching(text).order_by("pk")) == expected, text
