import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging.models import ChannelSettings

pytestmark = pytest.mark.django_db
SECRET = "sk-do-not-show-me"
CONFIG = {
    "url": "https://gateway.example/send",
    "method": "POST",
    "headers": {"X-Api-Key": SECRET},
    "json": {"to": "{{ message.to }}", "text": "{{ message.body }}"},
    "success": {"status": [200], "reference": "id"},
}


def set_channel(*args: str) -> str:
    out = StringIO()
    call_command("set_channel", *args, stdout=out)
    return out.getvalue()


def sms() -> ChannelSettings:
    return ChannelSettings.objects.get(channel="sms")


def test_it_connects_a_gateway_and_says_so_in_one_line() -> None:
    said = set_channel(
        "sms", "--provider", "http_sms", "--config", json.dumps(CONFIG), "--sender", "BAANCHA", "--max-per-second", "5"
    )
    assert said == "sms: http_sms, 5/s, on\n"
    assert (sms().provider, sms().sender, sms().max_per_second, sms().config) == ("http_sms", "BAANCHA", 5, CONFIG)
    assert SECRET not in sms().sealed_config


def test_what_is_left_out_stays_as_it_is() -> None:
    set_channel("sms", "--provider", "http_sms", "--config", json.dumps(CONFIG), "--sender", "BAANCHA")
    token = sms().hook_token
    assert set_channel("sms", "--max-per-second", "3") == "sms: http_sms, 3/s, on\n"
    assert (sms().sender, sms().config, sms().hook_token) == ("BAANCHA", CONFIG, token)


def test_settings_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps(CONFIG))
    set_channel("sms", "--provider", "http_sms", "--config-file", str(file))
    assert sms().config == CONFIG


def test_a_channel_is_switched_off_and_on() -> None:
    assert set_channel("sms", "--off") == "sms: sandbox, no limit, off\n"
    assert not sms().is_on
    assert set_channel("sms", "--on") == "sms: sandbox, no limit, on\n"
    assert sms().is_on


def test_another_provider_starts_with_doors_of_its_own_and_without_the_old_settings() -> None:
    set_channel("sms", "--provider", "http_sms", "--config", json.dumps(CONFIG))
    token = sms().hook_token
    set_channel("sms", "--provider", "sandbox")
    assert sms().config == {}
    assert sms().hook_token != token


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (["--provider", "http_sms", "--config", '{"url": "x"}'],
         "config: url: is not an address such as https://gateway.example/send"),
        (["--provider", "http_sms"], "config: url: is missing"),
        (["--provider", "http_sms", "--config", "{"], "config: "),
        (["--provider", "http_sms", "--config", "[]"], "config: The body must be a JSON object."),
        (["--provider", "http_sms", "--config-file", "nowhere.json"], "--config-file: No such file or directory"),
        (["--provider", "smtp"], "provider: Providers for this channel are "),
        (["--provider", "pigeon"], "provider: Providers for this channel are "),
        (["--sender", "a\nb"], "sender: Line breaks and control characters are not allowed."),
        (["--max-per-second", "-1"], "max_per_second: Ensure this value is greater than or equal to 0."),
    ],
)  # fmt: skip
def test_a_fault_is_named_and_nothing_is_saved(args: list[str], fault: str) -> None:
    before = ChannelSettings.objects.filter(channel="sms").values().get()
    with pytest.raises(CommandError) as refused:
        set_channel("sms", *args)
    assert str(refused.value).startswith(fault)
    assert SECRET not in str(refused.value)
    assert ChannelSettings.objects.filter(channel="sms").values().get() == before


def test_every_fault_stands_on_a_line_of_its_own() -> None:
    config: dict[str, Any] = {**CONFIG, "json": {"a": "{{ x }}", "b": "{{"}}
    with pytest.raises(CommandError) as refused:
        set_channel("sms", "--provider", "http_sms", "--config", json.dumps(config))
    first, second = str(refused.value).splitlines()
    assert first.startswith("config: json.a: unknown variable: x; there are message.")
    assert second == "config: json.b: {{ is not closed by }}"


def test_a_channel_that_has_no_provider_needs_one() -> None:
    with pytest.raises(CommandError, match="--provider: the channel has none yet"):
        set_channel("line", "--on")
    with pytest.raises(CommandError, match="invalid choice: 'pigeon'"):
        set_channel("pigeon", "--on")
