from typing import Any

import pytest

from messaging.channels import registry
from tests.messaging.fakes import FakeProvider


def test_a_provider_is_made_once_for_each_configuration(fake: type[FakeProvider]) -> None:
    first = registry.provider("fake", {"a": 1, "b": 2})
    assert registry.provider("fake", {"b": 2, "a": 1}) is first
    assert registry.provider("fake", {"a": 1}) is not first
    assert isinstance(first, FakeProvider)
    assert first.config == {"a": 1, "b": 2}


def test_the_settings_name_the_providers(settings: Any) -> None:
    assert registry.names() == list(settings.MESSAGING_PROVIDERS)
    with pytest.raises(registry.UnknownProvider, match="'pigeon' is not among sandbox, smtp"):
        registry.provider("pigeon", {})


def test_settings_with_faults_make_no_provider() -> None:
    with pytest.raises(registry.FaultySettings, match="url: is missing"):
        registry.provider("http_sms", {})
    assert [str(fault) for fault in registry.faults("http_sms", {})] == ["url: is missing"]
    with pytest.raises(registry.UnknownProvider):
        registry.faults("pigeon", {})


@pytest.mark.parametrize("name", registry.names())
def test_every_example_has_settings_without_fault(name: str) -> None:
    for preset in registry.presets(name).values():
        assert preset.label
        assert registry.faults(name, preset.config) == []
