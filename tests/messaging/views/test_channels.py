import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from crm.lib import bell
from crm.models import Shop, User
from messaging.channels.base import AccountRefused
from messaging.models import ChannelSettings, Message, MessagingSettings, ProviderState, SandboxText
from messaging.outbox import flow
from messaging.outbox.sender import send_due
from messaging.rendering import links
from messaging.views import channels as channels_page
from tests.crm.views.conftest import SignIn
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
SECRET = "sk-do-not-show-me"


def sms() -> ChannelSettings:
    return ChannelSettings.objects.select_related("flow").get(channel="sms")


@pytest.fixture
def admin(sign_in: SignIn) -> Client:
    return sign_in(User.Role.ADMIN)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bells that were rung."""
    bells: list[str] = []
    monkeypatch.setattr(bell, "ring", bells.append)
    return bells


GATEWAY = {
    "url": "https://gateway.example/send",
    "auth": {"bearer": SECRET},
    "form": {"to": "{{ message.to }}", "text": "{{ message.body }}"},
}
RECEIPTS = {"secret": SECRET, "reference": "id", "status": "s", "states": {"ok": "delivered"}}


def connect(client: Client, channel: str = "sms", **changes: Any) -> Any:
    fields = {"provider": "sandbox", "sender": "BAANCHA", "max_per_second": "5", "config": "", **changes}
    return client.post(f"/settings/channels/{channel}/", fields)


# --- Kill switches --------------------------------------------------------------------------------


def test_a_manager_stops_all_sending_and_goes_on(manager: Client, rung: list[str]) -> None:
    MessageFactory.create_batch(2)
    stopped = manager.post("/settings/channels/switch/", {"wish": "off"}, follow=True)
    assert not MessagingSettings.current().sending_on
    assert flow.open_channels() == []
    assert "All sending is switched off" in stopped.content.decode()
    assert stopped.context["waiting"] == 2
    assert rung == []
    manager.post("/settings/channels/switch/", {"wish": "on"})
    assert MessagingSettings.current().sending_on
    assert rung == ["send_due"]  # what waited goes out now, not with the next tick


def test_a_manager_stops_one_channel(manager: Client) -> None:
    manager.post("/settings/channels/sms/switch/", {"wish": "off"})
    assert [row.channel for row in flow.open_channels()] == ["email"]
    assert "SMS is switched off" in manager.get("/").content.decode()
    manager.post("/settings/channels/sms/switch/", {"wish": "on"})
    assert [row.channel for row in flow.open_channels()] == ["email", "sms"]
    assert "SMS is switched off" not in manager.get("/").content.decode()


def test_the_switches_ask_first(manager: Client) -> None:
    assert manager.get("/settings/channels/").content.decode().count("data-confirm=") == 3


@pytest.mark.parametrize("wish", ["", "maybe"])
def test_a_switch_knows_two_positions(manager: Client, wish: str) -> None:
    assert manager.post("/settings/channels/switch/", {"wish": wish}).status_code == 400
    assert manager.post("/settings/channels/sms/switch/", {"wish": wish}).status_code == 400
    assert MessagingSettings.current().sending_on


@pytest.mark.parametrize("role", [User.Role.MARKETER, User.Role.SALES, User.Role.SUPPORT, User.Role.VIEWER])
def test_only_leaders_reach_the_switches(sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    assert client.get("/settings/channels/").status_code == 403
    assert client.post("/settings/channels/switch/", {"wish": "off"}).status_code == 403
    assert client.post("/settings/channels/sms/switch/", {"wish": "off"}).status_code == 403
    assert MessagingSettings.current().sending_on


# --- Connecting -----------------------------------------------------------------------------------


def test_only_administrators_connect_channels(manager: Client) -> None:
    assert connect(manager).status_code == 403
    assert 'href="/settings/channels/sms/"' not in manager.get("/settings/channels/").content.decode()


def test_an_administrator_connects_a_channel(admin: Client) -> None:
    assert connect(admin, provider="http_sms", config=json.dumps(GATEWAY)).status_code == 302
    row = sms()
    assert (row.provider, row.sender, row.max_per_second, row.config) == ("http_sms", "BAANCHA", 5, GATEWAY)


def test_credentials_go_in_and_never_come_out(admin: Client) -> None:
    connect(admin, provider="http_sms", config=json.dumps(GATEWAY))
    for url in ("/settings/channels/", "/settings/channels/sms/"):
        assert SECRET not in admin.get(url).content.decode()
    faulty = connect(admin, provider="http_sms", sender="Much too long for this", config=json.dumps(GATEWAY))
    assert faulty.status_code == 422
    assert SECRET not in faulty.content.decode()
    assert SECRET not in sms().sealed_config


def test_an_empty_field_keeps_the_credentials_there_are(admin: Client) -> None:
    connect(admin, config='{"receipts": "by_hand"}')
    connect(admin, sender="SHOP")
    assert (sms().sender, sms().config) == ("SHOP", {"receipts": "by_hand"})
    connect(admin, forget="on")
    assert sms().config == {}


def test_another_provider_starts_without_the_credentials_of_the_last(admin: Client) -> None:
    connect(admin, "email", sender="", config='{"receipts": "by_hand"}')
    old = ChannelSettings.objects.get(channel="email").hook_token
    connect(admin, "email", sender="", config="{}")
    assert ChannelSettings.objects.get(channel="email").hook_token == old
    connect(admin, "email", sender="", provider="smtp")
    row = ChannelSettings.objects.get(channel="email")
    assert row.config == {}
    assert row.hook_token != old  # the last one no longer knows the way in


def test_a_channel_that_was_not_there_is_connected(admin: Client) -> None:
    assert "not connected" in admin.get("/settings/channels/").content.decode()
    connect(admin, "line", sender="")
    assert ChannelSettings.objects.get(channel="line").provider == "sandbox"


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"provider": "smtp"}, "provider", "Select a valid choice. smtp is not one of the available choices."),
        ({"provider": "pigeon"}, "provider", "Select a valid choice. pigeon is not one of the available choices."),
        ({"sender": "Baan Cha Tea House"}, "sender", "A phone number, or at most 11 letters and digits."),
        ({"sender": "a\r\nBcc: b@c.d"}, "sender", "A phone number, or at most 11 letters and digits."),
        ({"max_per_second": "-1"}, "max_per_second", "Ensure this value is greater than or equal to 0."),
        ({"max_per_second": "fast"}, "max_per_second", "Enter a whole number."),
        ({"config": '{"key": 1}'}, "config", "key: is not known; known are: receipts"),
        ({"config": "{"}, "config", "Enter a valid JSON."),
        ({"config": "[1]"}, "config", 'A JSON object is needed, such as {"key": "value"}.'),
    ],
)
def test_a_bad_value_is_named_and_nothing_is_saved(
    admin: Client, changes: dict[str, str], field: str, fault: str
) -> None:
    answer = connect(admin, **changes)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {field: [fault]}
    assert (sms().provider, sms().sender) == ("sandbox", "")


def test_an_email_needs_an_address_to_come_from(admin: Client) -> None:
    answer = connect(admin, "email", sender="My shop")
    assert answer.context["form"].errors == {"sender": ["Enter a valid email address."]}
    assert connect(admin, "email", sender="My shop <hello@shop.example>").status_code == 302


@pytest.mark.parametrize("channel", ["pigeon", "SMS"])
def test_there_are_only_the_channels_there_are(admin: Client, channel: str) -> None:
    assert admin.get(f"/settings/channels/{channel}/").status_code == 404
    assert admin.post(f"/settings/channels/{channel}/switch/", {"wish": "off"}).status_code == 404


# --- A gateway by its settings --------------------------------------------------------------------


def test_every_fault_is_shown_beside_its_path(admin: Client) -> None:
    config = {**GATEWAY, "form": {"to": "{{ message.too }}"}, "query": {"a": "{{"}}
    answer = connect(admin, provider="http_sms", config=json.dumps(config))
    assert answer.status_code == 422
    of_the_form, of_the_query = answer.context["form"].errors["config"]
    assert of_the_form.startswith("form.to: unknown variable: message.too; there are message.id, ")
    assert of_the_query == "query.a: {{ is not closed by }}"
    said = answer.content.decode()
    assert "<code>form.to</code> unknown variable: message.too" in said
    assert SECRET not in said
    assert sms().provider == "sandbox"


def test_a_gateway_without_settings_is_none(admin: Client) -> None:
    answer = connect(admin, provider="http_sms")
    assert answer.context["form"].errors == {"config": ["url: is missing"]}


def test_htmx_gets_the_faults_alone_so_that_what_was_typed_stays(admin: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "faults"}
    fields = {"provider": "http_sms", "sender": "", "max_per_second": "0", "config": "{}"}
    faulty = admin.post("/settings/channels/sms/", fields, headers=headers)
    assert faulty.status_code == 422
    assert faulty.content.decode().startswith('<div id="faults" class="notice notice-bad" role="alert">')
    well = admin.post("/settings/channels/sms/", {**fields, "provider": "sandbox"}, headers=headers)
    assert well.headers["HX-Redirect"] == "/settings/channels/sms/"


def test_settings_start_from_an_example(admin: Client) -> None:
    page = admin.get("/settings/channels/sms/")
    assert [str(label) for _, label in page.context["presets"]][:4] == [
        "Another gateway, JSON", "Another gateway, form fields", "SMS2PRO", "ThaiBulkSMS"
    ]  # fmt: skip
    started = admin.get("/settings/channels/sms/?start=http_sms:thaibulksms")
    shown = started.content.decode()
    assert "https://api-v2.thaibulksms.com/sms" in shown
    assert '<option value="http_sms" selected>' in shown
    assert "check every line with your provider" in shown
    assert sms().provider == "sandbox"


def test_of_an_example_only_the_blanks_are_asked_for(admin: Client) -> None:
    page = admin.get("/settings/channels/sms/?start=http_sms:thaibulksms")
    form = page.context["form"]
    assert [str(field.label) for field in form.blank_fields] == ["API key", "API secret", "A secret of your own"]
    assert not form.is_open  # all the rest stands already
    assert admin.get("/settings/channels/sms/?start=http_sms:json").context["form"].is_open
    example = form["config"].field.widget.start
    filled = connect(
        admin, provider="http_sms", config=example, **{
            "blank-your-api-key": "key-1", "blank-your-api-secret": SECRET, "blank-a-secret-of-your-own": " tea4two4u ",
        },
    )  # fmt: skip
    assert filled.status_code == 302
    assert sms().config["auth"] == {"basic": {"username": "key-1", "password": SECRET}}
    assert sms().config["receipts"]["secret"] == "tea4two4u"


def test_a_blank_left_empty_is_no_credential(admin: Client) -> None:
    page = admin.get("/settings/channels/sms/?start=http_sms:sms2pro")
    example = page.context["form"]["config"].field.widget.start
    answer = connect(admin, provider="http_sms", config=example, **{"blank-your-api-key": " "})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"config": ["Enter your own: API key."]}
    assert sms().provider == "sandbox"


def test_what_was_entered_in_a_blank_never_comes_out(admin: Client) -> None:
    example = admin.get("/settings/channels/sms/?start=http_sms:sms2pro").context["form"]["config"].field.widget.start
    fields = {
        "provider": "http_sms", "sender": "Much too long for this", "max_per_second": "0", "config": example,
        "blank-your-api-key": SECRET,
    }  # fmt: skip
    faulty = admin.post("/settings/channels/sms/?start=http_sms:sms2pro", fields)
    assert faulty.status_code == 422
    assert SECRET not in faulty.content.decode()
    assert [field.label for field in faulty.context["form"].blank_fields] == ["API key"]


def test_an_optional_blank_left_empty_is_left_out(admin: Client) -> None:
    example = admin.get("/settings/channels/email/?start=anymail:mailgun").context["form"]["config"].field.widget.start
    connect(
        admin, "email", provider="anymail", sender="", config=example,
        **{"blank-your-api-key": SECRET, "blank-a-secret-of-your-own": "tea4two4u"},
    )  # fmt: skip
    row = ChannelSettings.objects.get(channel="email")
    assert row.config["settings"] == {"api_key": SECRET}
    assert row.config["webhook_secret"] == "waymark:tea4two4u"


@pytest.mark.parametrize("start", ["http_sms:pigeon", "pigeon:json", "smtp:json", "http_sms"])
def test_there_are_only_the_examples_there_are(admin: Client, start: str) -> None:
    assert admin.get(f"/settings/channels/sms/?start={start}").status_code == 404


def test_the_doors_are_shown_only_where_the_provider_knocks(admin: Client) -> None:
    assert "What the provider tells us" not in admin.get("/settings/channels/sms/").content.decode()
    connect(admin, provider="http_sms", config=json.dumps(GATEWAY))
    assert admin.get("/settings/channels/sms/").context["doors"] == []
    connect(admin, provider="http_sms", config=json.dumps({**GATEWAY, "receipts": RECEIPTS}))
    page = admin.get("/settings/channels/sms/")
    assert [address for _, address in page.context["doors"]] == [links.receipts_url(sms().hook_token)]
    assert SECRET not in page.content.decode()


# --- A test ---------------------------------------------------------------------------------------


def test_a_test_is_a_real_message_and_its_state_is_shown_as_it_moves(admin: Client, rung: list[str]) -> None:
    answer = admin.post("/settings/channels/sms/test/", {"trial-address": "081 234 5678"})
    message = Message.objects.get()
    assert answer.headers["Location"] == f"/settings/channels/sms/?trial={message.public_id}#trial"
    assert (message.channel, message.address, message.cause["kind"]) == ("sms", "+66812345678", "test")
    page = admin.get(f"/settings/channels/sms/?trial={message.public_id}")
    assert 'hx-trigger="every 2s"' in page.content.decode()
    send_due(now=timezone.now(), limit=10)
    moved = admin.get(
        f"/settings/channels/sms/?trial={message.public_id}", headers={"HX-Request": "true", "HX-Target": "trial"}
    ).content.decode()
    assert moved.startswith('<div id="trial"')
    assert "sandbox-" in moved
    assert "hx-trigger" not in moved  # delivered: there is nothing more to come
    assert SandboxText.objects.get().body == f"A test from {Shop.current()}: this channel works."


def test_a_test_needs_a_number(admin: Client) -> None:
    answer = admin.post("/settings/channels/sms/test/", {"trial-address": "12"})
    assert answer.status_code == 422
    assert "address" in answer.context["trial_form"].errors
    assert not Message.objects.exists()


def test_a_channel_that_is_not_connected_cannot_be_tested(admin: Client) -> None:
    assert admin.post("/settings/channels/line/test/", {"trial-address": "U1"}).status_code == 404


@pytest.mark.parametrize("trial", ["x", "0b0b0b0b-0000-4000-8000-000000000000"])
def test_a_test_there_never_was_is_not_shown(admin: Client, trial: str) -> None:
    assert admin.get(f"/settings/channels/sms/?trial={trial}").context["trial"] is None


def test_only_administrators_send_tests(manager: Client) -> None:
    assert manager.post("/settings/channels/sms/test/", {"trial-address": "0812345678"}).status_code == 403
    assert not Message.objects.exists()


# --- The circuit ----------------------------------------------------------------------------------


def test_an_open_circuit_is_shown_and_closed_by_hand(manager: Client, rung: list[str]) -> None:
    ProviderState.objects.create(channel=sms(), breaker=ProviderState.Breaker.TRIPPED, last_error="401 bad key")
    shown = manager.get("/settings/channels/").content.decode()
    assert "waits for a person" in shown
    assert "401 bad key" in shown
    assert "the provider refuses our credentials" in manager.get("/").content.decode()
    manager.post("/settings/channels/sms/circuit/")
    assert sms().flow.breaker == ProviderState.Breaker.CLOSED
    assert rung == ["send_due"]


def test_new_credentials_close_the_circuit(admin: Client) -> None:
    ProviderState.objects.create(channel=sms(), breaker=ProviderState.Breaker.TRIPPED)
    connect(admin)
    assert sms().flow.breaker == ProviderState.Breaker.TRIPPED  # only the sender changed
    connect(admin, config="{}")
    assert sms().flow.breaker == ProviderState.Breaker.CLOSED


def test_the_page_costs_a_fixed_number_of_queries(manager: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        manager.get("/settings/channels/")


def test_of_very_many_that_wait_the_number_is_not_told(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels_page, "COUNTED", 2)
    MessageFactory.create_batch(2)
    assert "2 messages wait" in manager.get("/settings/channels/").content.decode()
    MessageFactory()
    assert "more than 1,000 messages wait" in manager.get("/settings/channels/").content.decode()


def test_new_credentials_are_said_to_be_untried(admin: Client) -> None:
    def said(**changes: Any) -> list[str]:
        connect(admin, **changes)
        return [str(message) for message in admin.get("/settings/channels/sms/").context["messages"]]

    untried = ["SMS is connected, and not tried yet: send yourself a test."]
    gateway = {"provider": "http_sms", "config": json.dumps({**GATEWAY, "success": {"status": [200]}})}
    assert said(**gateway) == untried
    assert said(provider="http_sms", sender="OTHER") == ["SMS is connected."]
    assert said(**gateway) == untried
    assert said(provider="sandbox") == ["SMS is connected."]


def test_refused_credentials_are_shown_before_the_circuit_opens(manager: Client) -> None:
    flow.note(sms(), flow.Calls.of([AccountRefused("401 wrong key")]), timezone.now())
    shown = manager.get("/settings/channels/").content.decode()
    assert sms().flow.breaker == ProviderState.Breaker.CLOSED
    assert "credentials refused" in shown
    assert "account_refused: 401 wrong key" in shown


def test_settings_that_no_example_has_are_named(admin: Client) -> None:
    assert "track_opens" in admin.get("/settings/channels/email/?start=anymail:mailgun").content.decode()
    assert "data_url" in admin.get("/settings/channels/line/?start=line:account").content.decode()
    assert "track_opens" not in admin.get("/settings/channels/email/").content.decode()
