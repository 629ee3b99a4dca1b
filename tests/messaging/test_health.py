from datetime import timedelta

import pytest

from crm.lib.health import Level
from messaging.health import calls_of_providers, channels, messages_on_their_way
from messaging.models import ChannelSettings, MessagingSettings, ProviderCall, ProviderState, Receipt
from messaging.services.calls import note_refusal
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db

LATE = NOON + timedelta(minutes=16)


def levels(findings: object) -> list[tuple[Level, str]]:
    return [(finding.level, finding.message) for finding in findings]  # type: ignore[attr-defined]


def test_a_shop_that_is_well() -> None:
    assert levels(messages_on_their_way(NOON)) == [(Level.OK, "no message is overdue or stuck")]
    assert levels(channels(NOON)) == [
        (Level.OK, "Email goes out through smtp"), (Level.OK, "SMS goes out through sandbox"),
    ]  # fmt: skip


def test_overdue_messages_mean_that_nobody_sends() -> None:
    MessageFactory(queued_at=NOON)
    assert levels(messages_on_their_way(NOON + timedelta(minutes=15))) == [(Level.OK, "no message is overdue or stuck")]
    assert levels(messages_on_their_way(LATE)) == [(Level.ERROR, "1 messages are overdue by more than 15 minutes")]


def test_what_waits_behind_a_kill_switch_is_not_overdue_but_the_switch_is_told() -> None:
    MessageFactory(queued_at=NOON)
    ChannelSettings.objects.filter(channel="sms").update(is_on=False)
    assert levels(messages_on_their_way(LATE))[0][0] == Level.OK
    assert (Level.WARNING, "SMS is switched off") in levels(channels(NOON))
    MessagingSettings.objects.update(sending_on=False)
    assert (Level.WARNING, "all sending is switched off") in levels(channels(NOON))


def test_a_lease_that_nobody_ended_is_told() -> None:
    MessageFactory(state="sending", lease_until=NOON)
    assert levels(messages_on_their_way(LATE)) == [(Level.ERROR, "1 messages hang in a lease that ended")]


def test_messages_for_a_person_to_decide_on_are_told() -> None:
    MessageFactory(state="unknown_final")
    assert (Level.WARNING, "of 1 messages nobody knows whether they arrived") in levels(messages_on_their_way(NOON))


def test_a_provider_that_fails_is_told_with_its_last_words() -> None:
    channel = ChannelSettings.objects.get(channel="sms")
    ProviderState.objects.create(channel=channel, breaker="tripped", last_error="account_refused: 401")
    assert (Level.ERROR, "SMS: sandbox fails (account_refused: 401)") in levels(channels(NOON))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"provider": "gone"}, "SMS uses an unknown provider: gone"),
        ({"sealed_config": "x"}, "SMS: sealed with another CREDENTIALS_KEY; enter the credentials again"),
    ],
)
def test_settings_that_cannot_work_are_told(change: dict[str, str], message: str) -> None:
    ChannelSettings.objects.filter(channel="sms").update(**change)
    assert (Level.ERROR, message) in levels(channels(NOON))


class TestCallsOfProviders:
    def test_nobody_has_called(self) -> None:
        assert levels(calls_of_providers(NOON)) == [(Level.OK, "every call was taken and worked off")]

    def test_a_call_that_cannot_be_worked_off_is_shown_with_its_fault(self) -> None:
        ProviderCall.objects.create(
            channel="sms", provider="fake", what="receipts", method="POST", body=b"", received_at=NOON,
            retry_at=NOON, fault="RuntimeError: no",
        )  # fmt: skip
        assert levels(calls_of_providers(NOON + timedelta(minutes=1))) == [
            (Level.OK, "every call was taken and worked off")
        ]
        assert levels(calls_of_providers(LATE)) == [
            (Level.ERROR, "1 calls of providers could not be worked off (RuntimeError: no)")
        ]

    def test_refusals_of_a_day_say_when_and_from_where_the_last_came(self) -> None:
        note_refusal(channel="sms", code="bad_signature", address="203.0.113.9", now=NOON)
        assert levels(calls_of_providers(LATE)) == [
            (Level.WARNING,
             "1 calls to SMS were refused as bad_signature, the last at 2026-03-02 12:00 UTC from 203.0.113.9"),
        ]  # fmt: skip
        assert levels(calls_of_providers(NOON + timedelta(days=1))) == [
            (Level.OK, "every call was taken and worked off")
        ]

    def test_receipts_for_messages_of_nobody_are_counted(self) -> None:
        Receipt.objects.create(
            provider="fake", event_id="1", reference="x", news="delivered", occurred_at=NOON, received_at=NOON
        )
        assert levels(calls_of_providers(NOON + timedelta(hours=73))) == [
            (Level.WARNING, "1 receipts are for messages that we do not know")
        ]


def test_settings_that_their_provider_does_not_take_are_told() -> None:
    row = ChannelSettings.objects.get(channel="sms")
    row.provider, row.config = "http_sms", {"url": "gone"}
    row.save()
    fault = "SMS: url: is not an address such as https://gateway.example/send"
    assert (Level.ERROR, fault) in levels(channels(NOON))
