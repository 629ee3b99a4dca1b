import pytest

from crm.models import Consent, ConsentEvent, Event
from crm.services import consents
from crm.services.consents import InvalidConsent
from tests.factories.crm import NOON, CustomerFactory, TopicFactory, later

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _topics() -> None:
    TopicFactory.create()


def states() -> list[tuple[str, str]]:
    return list(Consent.objects.order_by("channel").values_list("channel", "state"))


def test_evidence_is_kept_and_adds_up_to_a_state() -> None:
    customer = CustomerFactory.create()
    changes = {"sms": {"promotions": "in"}, "email": {"promotions": "out"}}
    consents.record_consents(customer, changes, via="form", now=NOON, wording="Yes, please", ip="203.0.113.7")

    assert states() == [("email", "out"), ("sms", "in")]
    evidence = ConsentEvent.objects.get(channel="sms")
    assert (evidence.via, evidence.wording, evidence.ip) == ("form", "Yes, please", "203.0.113.7")
    assert Event.objects.filter(name="Consent Changed").count() == 2


def test_older_evidence_is_kept_and_changes_nothing() -> None:
    customer = CustomerFactory.create()
    consents.record_consents(customer, {"sms": {"promotions": "out"}}, via="keyword", now=later(days=2))
    consents.record_consents(
        customer, {"sms": {"promotions": "in"}}, via="import", now=later(days=3), occurred_at=later(days=1)
    )

    assert states() == [("sms", "out")]
    assert ConsentEvent.objects.count() == 2


def test_saying_the_same_again_is_evidence_but_no_change() -> None:
    customer = CustomerFactory.create()
    for day in (1, 2):
        consents.record_consents(customer, {"sms": {"promotions": "in"}}, via="form", now=later(days=day))

    assert Event.objects.filter(name="Consent Changed").count() == 1
    assert Consent.objects.get().since == later(days=2)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"fax": {"promotions": "in"}}, "fax"),
        ({"sms": {"gossip": "in"}}, "sms.gossip"),
        ({"email": {"promotions": "in"}, "sms": {"promotions": "maybe"}}, "sms.promotions"),
    ],
)
def test_a_wrong_word_is_named_and_nothing_is_written(changes: dict[str, dict[str, str]], path: str) -> None:
    with pytest.raises(InvalidConsent) as caught:
        consents.record_consents(CustomerFactory.create(), changes, via="api", now=NOON)
    assert caught.value.path == path
    assert not ConsentEvent.objects.exists()
