import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from messaging.models import ChannelSettings, FrequencyCap, MessagingSettings, QuietHours
from messaging.models.suppression import hash_address

pytestmark = pytest.mark.django_db


def test_a_shop_starts_with_sms_on_the_sandbox_and_email_by_smtp() -> None:
    assert dict(ChannelSettings.objects.values_list("channel", "provider")) == {"sms": "sandbox", "email": "smtp"}
    assert ChannelSettings.sends_to_sandbox("sms")
    assert not ChannelSettings.sends_to_sandbox("email")
    assert not ChannelSettings.sends_to_sandbox("line")


def test_and_with_the_thai_night_and_two_caps() -> None:
    assert [str(quiet) for quiet in QuietHours.objects.all()] == ["sms TH 20:00–09:00"]
    assert [str(cap) for cap in FrequencyCap.objects.all()] == ["2 / day", "5 / week"]
    assert MessagingSettings.objects.count() == 1


def test_a_quiet_window_without_length_is_refused() -> None:
    with pytest.raises(IntegrityError):
        QuietHours.objects.create(channel="email", starts="09:00", ends="09:00")


def test_words_are_a_list_of_words() -> None:
    settings = MessagingSettings.current()
    settings.stop_words = ["stop", ""]
    with pytest.raises(ValidationError, match="A list of words"):
        settings.full_clean()


def test_an_address_is_known_by_its_keyed_hash_only() -> None:
    assert hash_address("sms", "+66812345678") != hash_address("line", "+66812345678")
    assert hash_address("email", "Ploy@Example.com ") == hash_address("email", "ploy@example.com")
    assert len(hash_address("sms", "+66812345678")) == 64
    assert hash_address("sms", " ") == ""


def test_another_pepper_is_another_hash(settings: object) -> None:
    before = hash_address("sms", "+66812345678")
    settings.SUPPRESSION_PEPPER = "another"  # type: ignore[attr-defined]
    assert hash_address("sms", "+66812345678") != before
