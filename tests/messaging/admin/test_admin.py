"""Every table has its list and its page in Django admin, and the ledger cannot be written there."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from crm.lib.vault import seal
from crm.models import TicketAttachment
from messaging.models import (
    Attempt,
    Broadcast,
    BroadcastRecipient,
    BroadcastVariant,
    ChannelSettings,
    Click,
    FileToFetch,
    FrequencyCap,
    InboundMessage,
    Ledger,
    Message,
    MessagingSettings,
    Price,
    ProviderCall,
    ProviderState,
    QuietHours,
    Receipt,
    RefusedCalls,
    Restoration,
    SandboxText,
    ShortLink,
    Suppression,
    Sweep,
    Template,
    TemplatePartial,
    TemplateVersion,
)
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, TicketMessageFactory, UserFactory
from tests.factories.messaging import MessageFactory, make_template

pytestmark = pytest.mark.django_db

MODELS = [
    Attempt, Broadcast, BroadcastRecipient, BroadcastVariant, ChannelSettings, Click, FileToFetch, FrequencyCap,
    InboundMessage, Ledger, Message, MessagingSettings, Price, ProviderCall, ProviderState, QuietHours, Receipt,
    RefusedCalls, Restoration, SandboxText, ShortLink, Suppression, Sweep, Template, TemplatePartial, TemplateVersion,
]  # fmt: skip


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(UserFactory(is_superuser=True))
    return client


@pytest.fixture
def something_of_everything() -> None:
    message = MessageFactory(template=make_template("hi", en="Hi"), queued_at=NOON)
    send_due(now=NOON, limit=10)
    channel = ChannelSettings.objects.get(channel="sms")
    ProviderState.objects.create(channel=channel)
    Price.objects.create(channel="line", micros=1)
    link = ShortLink.objects.create(token="1aaaaaaaaa", message=message, url="https://shop.example/")
    Click.objects.create(link=link, at=NOON)
    TemplatePartial.objects.create(slug="footer", language="en", text="Bye")
    Suppression.objects.create(channel="sms", address_hash="a" * 64, scope="all", cause="stop", since=NOON)
    broadcast = Broadcast.objects.create(name="Spring", topic=message.topic, channel="sms")
    BroadcastVariant.objects.create(broadcast=broadcast, number=1, body="Hi")
    BroadcastRecipient.objects.create(
        broadcast=broadcast, customer=message.customer, variant=1, due_at=NOON, message=message
    )
    ProviderCall.objects.create(
        channel="sms", provider="x", what="inbound", method="POST", body=b"\xffHi", received_at=NOON, retry_at=NOON
    )
    FileToFetch.objects.create(
        attachment=TicketAttachment.objects.create(message=TicketMessageFactory.create(), name="image", size=0),
        channel="line", provider="line", reference="1", announced_at=NOON, due_at=NOON,
    )  # fmt: skip
    RefusedCalls.objects.create(channel="sms", code="bad_signature", count=1, last_at=NOON)
    Sweep.objects.create(name="texts")
    Restoration.objects.create(cause="told", noticed_at=NOON, lost_from=NOON, lost_until=NOON)
    InboundMessage.objects.create(
        channel="sms", provider="x", provider_id="1", from_address="y", body="z", reading="message",
        customer=message.customer, received_at=NOON,
    )  # fmt: skip


@pytest.mark.usefixtures("something_of_everything")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_table_has_a_list_and_a_page(boss: Client, model: Any) -> None:
    assert model in admin.site._registry
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert boss.get(reverse(f"{name}_changelist"), {"q": "x"}).status_code == 200
    row = model.objects.first()
    assert boss.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("model", [Message, Attempt, Receipt, InboundMessage, SandboxText, Suppression, ProviderState])
def test_the_ledger_can_be_read_not_written(boss: Client, model: Any) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
    assert boss.get(url).status_code == 403


class TestChannels:
    def post(self, boss: Client, **changes: str) -> Any:
        channel = ChannelSettings.objects.get(channel="sms")
        fields = {
            "channel": "sms", "provider": "sandbox", "sender": "SHOP", "is_on": "on", "max_per_second": "0",
            "new_config": "",
        }  # fmt: skip
        return boss.post(reverse("admin:messaging_channelsettings_change", args=[channel.pk]), {**fields, **changes})

    def test_credentials_go_in_and_never_come_out(self, boss: Client) -> None:
        old = ChannelSettings.objects.get(channel="sms").hook_token
        config = {"url": "https://gateway.example/", "auth": {"bearer": "s3cret"}}
        self.post(boss, provider="http_sms", new_config=json.dumps(config))
        channel = ChannelSettings.objects.get(channel="sms")
        assert channel.config == config
        assert channel.hook_token != old
        assert "s3cret" not in channel.sealed_config
        page = boss.get(reverse("admin:messaging_channelsettings_change", args=[channel.pk])).content.decode()
        assert "s3cret" not in page
        assert channel.sealed_config not in page

    def test_left_empty_they_stay(self, boss: Client) -> None:
        ChannelSettings.objects.filter(channel="sms").update(sealed_config=seal({"receipts": "by_hand"}))
        self.post(boss, sender="OTHER")
        channel = ChannelSettings.objects.get(channel="sms")
        assert (channel.sender, channel.config) == ("OTHER", {"receipts": "by_hand"})

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"provider": "pigeon"}, "Providers for this channel are sandbox"),
            ({"sender": "a\r\nBcc: x"}, "Line breaks and control characters are not allowed."),
            ({"new_config": "[1]"}, "A JSON object is needed."),
            ({"new_config": '{"token": 1}'}, "token: is not known; known are: receipts"),
            ({"provider": "http_sms"}, "url: is missing"),
            ({"new_config": "{"}, "Enter a valid JSON."),
        ],
    )
    def test_what_cannot_be_is_refused(self, boss: Client, changes: dict[str, str], fault: str) -> None:
        assert fault in self.post(boss, **changes).content.decode()
        assert ChannelSettings.objects.get(channel="sms").provider == "sandbox"


def test_a_published_version_cannot_be_deleted_and_its_texts_not_changed(boss: Client) -> None:
    version = make_template("hi", en="Hi").live_version
    assert version is not None
    url = reverse("admin:messaging_templateversion_change", args=[version.pk])
    page = boss.get(url).content.decode()
    assert "variants-0-body" not in page
    assert boss.post(reverse("admin:messaging_templateversion_delete", args=[version.pk])).status_code == 403
