import pytest

from messaging.selectors import causes
from tests.factories.crm import TicketFactory


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
    ticket = TicketFactory()
    assert causes.url_of({"kind": "ticket", "ticket": ticket.pk}) == ticket.get_absolute_url()
    assert causes.url_of({"kind": "ticket", "ticket": ticket.pk + 1}) == ""
    assert causes.url_of({"kind": "staff", "user": 1}) == ""
