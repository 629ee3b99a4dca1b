"""What tests of messaging share."""

from collections.abc import Iterator
from typing import Any

import pytest

from messaging.channels import registry
from messaging.models import ChannelSettings
from tests.messaging.fakes import PATH, FakeProvider


@pytest.fixture
def fake(db: None, settings: Any) -> Iterator[type[FakeProvider]]:
    """SMS goes to the fake provider."""
    settings.MESSAGING_PROVIDERS = {**settings.MESSAGING_PROVIDERS, "fake": PATH}
    FakeProvider.reset()
    ChannelSettings.objects.filter(channel="sms").update(provider="fake")
    yield FakeProvider
    registry._made.cache_clear()
