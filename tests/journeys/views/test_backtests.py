"""Trying a draft on the past: asked for, counted by the worker, shown."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from journeys import tasks
from journeys.models import Backtest, Flow
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import FlowFactory
from tests.journeys.flows.worlds import send
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db

URL = "/journeys/flows/ask/backtest/"
SAID = {"days": "30", "most": "1000", "price": "0.25"}


@pytest.fixture
def flow() -> Flow:
    """Two people were delivered to in the last days; one cannot be reached."""
    now = timezone.now()
    for phone in ("+66812345678", ""):
        happens(CustomerFactory.create(phone=phone), "Order Delivered", now - timedelta(days=3))
    return FlowFactory.create(
        slug="ask", name="Ask", draft={"trigger": {"event": "Order Delivered"}, "steps": [send("ask", body="Hi")]}
    )


def ask(client: Client, **more: Any) -> Any:
    return client.post(URL, {**SAID, **more}, follow=True)


def test_it_is_asked_for_counted_outside_the_page_and_shown(manager: Client, flow: Flow) -> None:
    assert "Not tried on the past yet." in manager.get(URL).content.decode()

    waiting = ask(manager)
    run = Backtest.objects.get()
    assert waiting.redirect_chain == [(f"{URL}?run={run.pk}", 302)]
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    assert "about to begin" in waiting.content.decode()
    assert run.report == {}

    tasks.run_backtests()
    page = manager.get(URL)
    body = page.content.decode()
    assert 'hx-trigger="every 2s"' not in body
    assert (page.context["report"].entered, page.context["sent"], str(page.context["cost"])) == (2, 1, "0.25 THB")
    assert page.context["withheld"] == [("We have no address for this channel", 1)]
    assert page.context["chart"].rows[0][1] == "1"
    assert "SMS: Hi" in body
    assert page.context["form"]["price"].value() == run.sms_price


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"days": "90", "most": "500", "price": "100"}, {"days": "90", "most": 500, "price": "100"}),
        (
            {"days": "dates", "first": "2026-03-01", "last": "2026-03-04", "price": ""},
            {"days": "dates", "first": date(2026, 3, 1), "last": date(2026, 3, 4), "most": 1000},
        ),
    ],
)
def test_the_form_keeps_what_was_chosen(
    manager: Client, flow: Flow, sent: dict[str, str], kept: dict[str, object]
) -> None:
    form = ask(manager, **sent).context["form"]
    shown = {name: form[name].value() for name in ("days", "first", "last", "most")}
    assert shown == {"first": None, "last": None} | {name: kept[name] for name in kept if name != "price"}
    assert str(form["price"].value() or "") == kept.get("price", "")


def test_a_draft_that_changed_since_is_said_so(manager: Client, flow: Flow) -> None:
    ask(manager)
    tasks.run_backtests()
    assert "The draft has changed since." not in manager.get(URL).content.decode()
    Flow.objects.update(draft={**flow.draft, "steps": [send("ask", body="Hello")]})
    assert "The draft has changed since." in manager.get(URL).content.decode()


def test_one_that_failed_says_why(manager: Client, flow: Flow) -> None:
    ask(manager)
    Backtest.objects.update(definition={"steps": []})
    tasks.run_backtests()
    body = manager.get(URL).content.decode()
    assert "It could not be counted:" in body
    assert "InvalidDefinition" in body


def test_it_is_stopped_and_put_away(manager: Client, flow: Flow) -> None:
    ask(manager)
    manager.post(f"{URL}{Backtest.objects.get().pk}/stop/")
    assert not Backtest.objects.exists()
    assert tasks.run_backtests() == "0 events tried"


def test_days_are_whole_days_of_the_shop(manager: Client, flow: Flow) -> None:
    ask(manager, days="dates", first="2026-01-05", last="2026-01-06")
    run = Backtest.objects.get()
    assert (run.since.isoformat(), run.until.isoformat()) == ("2026-01-04T17:00:00+00:00", "2026-01-06T17:00:00+00:00")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"days": "8"}, "Select a valid choice"),
        ({"most": "0"}, "greater than or equal to 1"),
        ({"most": ""}, "This field is required."),
        ({"price": "-1"}, "greater than or equal to 0"),
        ({"days": "dates"}, "From which day to which?"),
        ({"days": "dates", "first": "2026-01-05", "last": "2026-01-04"}, "It lies before the first day."),
        ({"days": "dates", "first": "2024-01-05", "last": "2026-01-04"}, "A year at most."),
        ({"days": "dates", "first": "2126-01-05", "last": "2126-01-06"}, "That is still to come."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(manager: Client, flow: Flow, said: dict[str, str], message: str) -> None:
    response = ask(manager, **said)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not Backtest.objects.exists()


def test_a_flow_that_no_event_starts_is_refused_in_words(manager: Client, flow: Flow) -> None:
    Flow.objects.update(draft={**flow.draft, "trigger": {"manual": True}})
    response = ask(manager)
    assert response.status_code == 422
    assert "Only a flow that an event or a stage starts" in response.content.decode()


def test_a_draft_with_faults_cannot_be_asked_for(manager: Client, flow: Flow) -> None:
    Flow.objects.update(draft={"steps": []})
    assert "The draft has faults" in ask(manager).content.decode()
    assert not Backtest.objects.exists()


def test_who_sees_flows_sees_it_and_others_do_not(sign_in: SignIn, flow: Flow) -> None:
    assert sign_in("viewer").get(URL).status_code == 200
    assert sign_in("support").get(URL).status_code == 403
    viewer = sign_in("viewer")
    assert [viewer.get(f"{URL}?run={said}").status_code for said in ("x", "99", "9" * 5_000)] == [404] * 3
