import pytest

from messaging.selectors import causes
from tests.factories.crm import TicketFactory, UserFactory
from tests.factories.journeys import EnrolmentFactory


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ({"kind": "flow", "flow": "thanks", "enrolment": 3, "step": "ask"}, "Flow thanks, step ask"),
        ({"kind": "flow", "flow": "thanks"}, "Flow thanks"),
        ({"kind": "staff", "user": 1, "name": "Mali"}, "Written by Mali"),
        ({"kind": "staff", "user": 1}, "Written by staff"),
        ({"kind": "keyword", "keyword": "stop", "inbound": 4}, "Answer to the word STOP"),
        ({"kind": "ticket", "ticket": 4, "number": "T-12AB34"}, "Reply on ticket T-12AB34"),
        ({"kind": "test", "name": "Mali"}, "Test by Mali"),
        ({"kind": "api"}, "Sent by a program"),
        ({"kind": "moon"}, ""),
        ({}, ""),
    ],
)
def test_a_cause_is_told_in_words(cause: dict[str, object], words: str) -> None:
    assert causes.in_words(cause) == words


@pytest.mark.django_db
def test_a_cause_leads_to_the_page_of_its_record() -> None:
    ticket, user = TicketFactory(), UserFactory(role="manager")
    assert causes.url_of({"kind": "ticket", "ticket": ticket.pk}, user) == ticket.get_absolute_url()
    assert causes.url_of({"kind": "ticket", "ticket": ticket.pk + 1}, user) == ""
    assert causes.url_of({"kind": "staff", "user": 1}, user) == ""


@pytest.mark.django_db
def test_nobody_is_led_to_a_page_that_they_may_not_see() -> None:
    broadcast = {"kind": "broadcast", "broadcast": "01a203de-cbd2-7bc8-968b-59d0b0e519a6", "name": "Sale"}
    page = "/messages/broadcasts/01a203de-cbd2-7bc8-968b-59d0b0e519a6/"
    assert causes.url_of(broadcast, UserFactory(role="marketer")) == page
    run = EnrolmentFactory()
    flow = {"kind": "flow", "flow": "thanks", "enrolment": run.pk}
    sales = UserFactory(role="sales")
    assert [causes.url_of(cause, sales) for cause in (broadcast, flow)] == ["", f"/journeys/runs/{run.pk}/"]
