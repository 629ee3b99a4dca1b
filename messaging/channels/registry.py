"""Providers by their short names; the only way to one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import orjson
from django.conf import settings
from django.utils.module_loading import import_string

from messaging.channels.base import ConfigFault, Preset, Provider


class UnknownProvider(LookupError):
    """The channel names a provider that MESSAGING_PROVIDERS does not list."""


class FaultySettings(UnknownProvider):
    """The channel's settings are not, or no longer, what its provider takes; the message names the first fault."""


def names() -> list[str]:
    """The providers this installation knows, by short name."""
    return list(settings.MESSAGING_PROVIDERS)


def serving(channel: str) -> list[str]:
    """The providers that carry `channel`."""
    return [name for name, path in settings.MESSAGING_PROVIDERS.items() if _carries(import_string(path), channel)]


def _carries(kind: type[Provider], channel: str) -> bool:
    return not kind.traits.channels or channel in kind.traits.channels


def faults(name: str, config: Mapping[str, Any]) -> list[ConfigFault]:
    """
    What is wrong with `config` as the settings of the provider `name`.

    Raises:
        UnknownProvider: no such name.
    """
    return _kind(name).check(config)


def presets(name: str) -> Mapping[str, Preset]:
    """What its settings may start from, by slug; a provider offers some by an attribute `presets`."""
    found: Mapping[str, Preset] = getattr(_kind(name), "presets", {})
    return found


def provider(name: str, config: Mapping[str, Any]) -> Provider:
    """
    The provider `name` with `config`; one object per configuration, so that connections stay open between ticks.

    Raises:
        UnknownProvider: no such name; FaultySettings: it could not be made from them.
    """
    return _made(_kind(name), orjson.dumps(dict(config), option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=64)
def _made(kind: type[Provider], config: bytes) -> Provider:
    read = orjson.loads(config)
    for fault in kind.check(read):
        raise FaultySettings(f"{fault.path}: {fault.message}")
    return cast("Any", kind)(read)  # type: ignore[no-any-return]


def _kind(name: str) -> type[Provider]:
    path = settings.MESSAGING_PROVIDERS.get(name)
    if path is None:
        raise UnknownProvider(f"{name!r} is not among {', '.join(names())}")
    return cast("type[Provider]", import_string(path))
