import pytest

from crm.models import Event, Identity, TouchpointVisit
from crm.services import touchpoints
from crm.services.touchpoints import InvalidTouchpoint, claim_visits, is_robot, record_visit
from tests.factories.crm import NOON, CustomerFactory, TouchpointFactory, later

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"


def visits() -> list[str]:
    return list(Event.objects.filter(name="Touchpoint Visited").values_list("properties__touchpoint", flat=True))


def test_a_visit_of_somebody_we_know_is_a_fact() -> None:
    touchpoint, customer = TouchpointFactory.create(code="flyer1"), CustomerFactory.create()
    Identity.objects.create(customer=customer, kind="anonymous", source="waymark", value="v1")

    record_visit(touchpoint, visitor="v1", user_agent=PHONE, now=NOON)

    assert visits() == ["flyer1"]
    assert TouchpointVisit.objects.get().customer == customer


def test_a_strangers_visit_is_kept_and_becomes_theirs_when_they_are_named() -> None:
    touchpoint = TouchpointFactory.create(code="flyer1")
    record_visit(touchpoint, visitor="v1", user_agent=PHONE, now=NOON)
    assert visits() == []

    assert claim_visits(CustomerFactory.create(), visitor="v1", now=later(days=1)) == 1
    assert visits() == ["flyer1"]
    assert Event.objects.get(name="Touchpoint Visited").occurred_at == NOON


def test_a_robots_visit_is_kept_and_is_no_fact() -> None:
    customer = CustomerFactory.create()
    visit = record_visit(TouchpointFactory.create(), customer=customer, user_agent="facebookexternalhit/1.1", now=NOON)

    assert visit.is_bot
    assert visits() == []
    assert is_robot("")
    assert not is_robot(PHONE)


def test_a_touchpoint_gets_a_short_code_and_an_address() -> None:
    touchpoint = touchpoints.create_touchpoint(name="Billboard", kind="billboard", url="https://shop.example.com/")

    assert len(touchpoint.code) == 7
    assert touchpoint.short_url.endswith(f"/t/{touchpoint.code}")


@pytest.mark.parametrize(
    ("change", "field"), [({"url": "javascript:alert(1)"}, "url"), ({"kind": "x"}, "kind"), ({"code": "taken"}, "code")]
)
def test_a_touchpoint_that_makes_no_sense_is_refused_by_field(change: dict[str, str], field: str) -> None:
    TouchpointFactory.create(code="taken")
    with pytest.raises(InvalidTouchpoint) as caught:
        touchpoints.create_touchpoint(**{"name": "N", "url": "https://shop.example.com/", **change})
    assert caught.value.field == field
