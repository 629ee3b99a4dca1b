"""The page on which staff see how providers fare."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from crm.models import User
from messaging.models import Attempt, ChannelSettings, Message, ProviderState
from tests.crm.views.conftest import SignIn
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
PAGE = "/messages/delivery/"


def call(outcome: str, state: str) -> Message:
    message = MessageFactory.create(state=state, provider="sandbox", wire_at=timezone.now())
    Attempt.objects.create(
        message=message, token="1", provider="sandbox", started_at=message.wire_at, outcome=outcome, milliseconds=20
    )
    return message


def test_it_shows_calls_fates_and_reasons_and_leads_to_the_messages_behind(manager: Client) -> None:
    call("accepted", Message.State.DELIVERED)
    failed = call("unknown_address", Message.State.FAILED)

    page = manager.get(PAGE).content.decode()

    assert "half within 20 ms, the longest 20 ms" in page
    assert "The address does not exist" in page
    address = "/messages/?channel=sms&amp;provider=sandbox&amp;state=failed"
    assert address in page
    behind = manager.get(address.replace("&amp;", "&")).content.decode()
    assert str(failed.public_id) in behind
    assert behind.count("data-row") == 1


def test_a_failing_provider_says_what_it_said_and_when_it_is_tried_again(manager: Client) -> None:
    sms = ChannelSettings.objects.get(channel="sms")
    ProviderState.objects.create(
        channel=sms, breaker="open", probe_at=timezone.now() + timedelta(seconds=20), last_error="temporary: 503 busy"
    )

    page = manager.get(PAGE).content.decode()

    assert "provider fails" in page
    assert "503 busy" in page


def test_nothing_handed_over_is_said_in_words(manager: Client) -> None:
    assert "Nothing was handed over in the last 7 days." in manager.get(PAGE, {"days": "7"}).content.decode()


def test_a_time_that_is_not_offered_is_a_clear_fault(manager: Client) -> None:
    assert manager.get(PAGE, {"days": "365"}).status_code == 400


def test_strangers_are_sent_to_sign_in_and_viewers_may_look(client: Client, sign_in: SignIn) -> None:
    assert client.get(PAGE).status_code == 302
    assert sign_in(User.Role.VIEWER).get(PAGE).status_code == 200


def test_the_log_can_be_narrowed_by_reason(manager: Client) -> None:
    MessageFactory.create(state=Message.State.WITHHELD, reason="no_consent")
    MessageFactory.create(state=Message.State.WITHHELD, reason="capped")

    page = manager.get("/messages/", {"reason": "capped"}).content.decode()

    assert page.count("data-row") == 1
    assert manager.get("/messages/", {"reason": "whim"}).status_code == 400


@pytest.mark.parametrize(("days", "points"), [("1", 25), ("7", 8)])
def test_a_day_is_drawn_by_the_hour_and_a_week_by_the_day(manager: Client, days: str, points: int) -> None:
    with time_machine.travel(datetime(2026, 3, 4, 5, 40, tzinfo=UTC), tick=False):
        call("accepted", Message.State.SENT)
        page = manager.get(PAGE, {"days": days}).content.decode()

    assert page.count('class="point t-good"') == points
    assert "t-bad" not in page.partition('<ul class="legend">')[2].partition("</ul>")[0], "what never was is not drawn"
