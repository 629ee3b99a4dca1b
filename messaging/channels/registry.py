"""Providers by their short names; the only way to one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import orjson
from django.conf import settings
from django.utils.module_loading import import_string

from messaging.channels.base import Provider


class UnknownProvider(LookupError):
    """The channel names a provider that MESSAGING_PROVIDERS does not list."""


def names() -> list[str]:
    """The providers this installation knows, by short name."""
    return list(settings.MESSAGING_PROVIDERS)


def serving(channel: str) -> list[str]:
    """The providers that carry `channel`."""
    return [name for name, path in settings.MESSAGING_PROVIDERS.items() if _carries(import_string(path), channel)]


def _carries(kind: type[Provider], channel: str) -> bool:
    return not kind.traits.channels or channel in kind.traits.channels


def provider(name: str, config: Mapping[str, Any]) -> Provider:
    """
    The provider `name` with `config`; one object per configuration, so that connections stay open between ticks.

    Raises:
        UnknownProvider: no such name.
    """
    path = settings.MESSAGING_PROVIDERS.get(name)
    if path is None:
        raise UnknownProvider(f"{name!r} is not among {', '.join(names())}")
    return _made(path, orjson.dumps(dict(config), option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=64)
def _made(path: str, config: bytes) -> Provider:
    return cast("Provider", import_string(path)(orjson.loads(config)))
