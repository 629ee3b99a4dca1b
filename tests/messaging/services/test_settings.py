from typing import Any

import pytest
from django.core.exceptions import ValidationError

from crm.models import Topic
from messaging.channels import registry
from messaging.models import ChannelSettings, MessagingSettings
from messaging.services import channels, rules, topics

pytestmark = pytest.mark.django_db


def connect(**changes: Any) -> ChannelSettings:
    return channels.connect_channel(
        **{"channel": "sms", "provider": "sandbox", "sender": "SHOP", "max_per_second": 0, **changes}
    )


def test_a_provider_is_connected_only_to_what_it_carries() -> None:
    assert {"sandbox", "http_sms"} <= set(registry.serving("sms"))
    assert {"sandbox", "smtp"} <= set(registry.serving("email"))
    assert "smtp" not in registry.serving("sms")
    with pytest.raises(ValidationError) as refused:
        connect(provider="smtp")
    assert refused.value.message_dict == {
        "provider": [f"Providers for this channel are {', '.join(registry.serving('sms'))}."]
    }
    assert ChannelSettings.objects.get(channel="sms").provider == "sandbox"


def test_a_sender_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        connect(sender="SHOP\nBcc: x")
    assert list(refused.value.message_dict) == ["sender"]


def test_connecting_again_changes_the_one_row() -> None:
    first = connect(config={"receipts": "by_hand"})
    second = connect(sender="OTHER")
    assert (second.pk, second.sender, second.config) == (first.pk, "OTHER", {"receipts": "by_hand"})


def test_settings_with_faults_are_refused_by_path_and_nothing_is_saved() -> None:
    with pytest.raises(ValidationError) as refused:
        connect(provider="http_sms", config={"url": "gateway", "pigeon": 1})
    assert refused.value.message_dict == {
        "config": ["url: is not an address such as https://gateway.example/send", "pigeon: is not known"]
    }
    assert ChannelSettings.objects.get(channel="sms").provider == "sandbox"


def test_languages_that_are_not_named_keep_their_answer() -> None:
    current = MessagingSettings.current()
    current.replies = {"stop": {"en": "Bye", "de": "Tschüss"}}
    current.save()
    lists = {"stop_words": ["stop"], "stop_phrases": [], "start_words": [], "help_words": []}
    changed = rules.set_words(**lists, replies={"stop": {"en": " "}})
    assert changed.replies == {"stop": {"de": "Tschüss"}}


def test_a_list_of_something_else_than_words_is_refused() -> None:
    with pytest.raises(ValidationError):
        rules.set_words(stop_words=[""], stop_phrases=[], start_words=[], help_words=[], replies={})
    assert "stop" in MessagingSettings.current().stop_words


def test_a_topic_needs_a_name_of_its_own() -> None:
    with pytest.raises(ValidationError):
        topics.create_topic(slug="promotions", name="Again", is_marketing=True)
    with pytest.raises(ValidationError):
        topics.rename_topic(Topic.objects.get(slug="promotions"), "")
    assert Topic.objects.get(slug="promotions").name == "Promotions"
