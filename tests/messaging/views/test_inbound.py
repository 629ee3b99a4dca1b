import pytest
from django.test import Client

from crm.models import Shop, User
from messaging.channels.calls import InboundIn
from messaging.inbound.receive import receive
from messaging.models import InboundMessage, Suppression
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/messages/inbound/"


def hear(body: str, *, address: str = "+66812345678", channel: str = "sms", **values: object) -> InboundMessage:
    number = InboundMessage.objects.count()
    told = InboundIn(
        provider="sandbox", provider_id=f"in-{number}", from_address=address, at=NOON, body=body,
        **values,  # type: ignore[arg-type]
    )  # fmt: skip
    return receive(told, channel=channel, now=NOON)


def shown(client: Client, **query: str) -> list[str]:
    return [row.body for row in client.get(LIST, query).context["page"].rows]


def test_the_list_is_narrowed_by_what_wants_a_look_channel_and_reading(manager: Client) -> None:
    hear("Hello?")
    hear("STOPPED by yesterday")
    hear("Your parcel", address="AIS-Info")
    hear("Away until Monday", channel="email", address="ploy@example.com", is_automatic=True)
    hear("STOP", address="+66812345679")
    assert shown(manager) == ["STOP", "Away until Monday", "Your parcel", "STOPPED by yesterday", "Hello?"]
    assert shown(manager, show="look") == ["Your parcel", "STOPPED by yesterday"]
    assert shown(manager, channel="email") == ["Away until Monday"]
    assert shown(manager, reading="stop") == ["STOP"]
    assert manager.get(LIST).context["waiting"] == 2
    assert manager.get(LIST, {"show": "lost"}).status_code == 400


def test_an_empty_list_says_what_will_be_there(manager: Client) -> None:
    assert "Nobody has written yet." in manager.get(LIST).content.decode()
    hear("Hello?")
    assert "Take a filter off" in manager.get(LIST, {"channel": "line"}).content.decode()


def test_what_is_nobodys_is_dealt_with_once(manager: Client) -> None:
    row = hear("Your parcel", address="AIS-Info")
    url = f"{LIST}{row.pk}/"
    assert "It is dealt with" in manager.get(url).content.decode()
    assert manager.post(url, {"means": "other"}).status_code == 302
    row.refresh_from_db()
    assert row.reviewed_by is not None
    assert shown(manager, show="look") == []
    manager.post(url, {"means": "other"})
    assert "Somebody has decided on it before." in manager.get("/").content.decode()


def test_a_stop_that_a_person_found_is_one(manager: Client) -> None:
    row = hear("STOPPED by yesterday")
    assert manager.post(f"{LIST}{row.pk}/", {"means": "stop", "next": LIST})["Location"] == LIST
    assert Suppression.objects.get().cause == "stop"


def test_a_letter_is_shown_as_text_with_its_ticket(manager: Client) -> None:
    row = hear("<script>alert(1)</script>", channel="email", address="ploy@example.com", subject="<b>Kettle</b>")
    assert row.ticket is not None
    page = manager.get(f"{LIST}{row.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;Kettle&lt;/b&gt;" in page
    assert row.ticket.number in page


@pytest.mark.parametrize("role", ["marketer", "viewer"])
def test_who_may_not_write_reads_masked_and_decides_nothing(sign_in: SignIn, role: str) -> None:
    row = hear("STOPPED by yesterday")
    client = sign_in(role)
    assert "+66812345678" not in client.get(LIST).content.decode()
    page = client.get(f"{LIST}{row.pk}/").content.decode()
    assert "081 234 5678" not in page
    assert 'name="means"' not in page
    assert client.post(f"{LIST}{row.pk}/", {"means": "stop"}).status_code == 403
    assert not Suppression.objects.exists()


def test_a_colleagues_customer_is_not_in_it(sign_in: SignIn) -> None:
    Shop.objects.update_or_create(pk=1, defaults={"sales_see": Shop.SalesSee.OWN})
    theirs = CustomerFactory.create(owner=UserFactory.create(role=User.Role.SALES))
    row = hear("Hello?", address=str(theirs.phone))
    client = sign_in(User.Role.SALES)
    assert shown(client) == []
    assert client.get(f"{LIST}{row.pk}/").status_code == 404


def test_another_word_is_refused(manager: Client) -> None:
    row = hear("STOPPED by yesterday")
    assert manager.post(f"{LIST}{row.pk}/", {"means": "maybe"}).status_code == 400
