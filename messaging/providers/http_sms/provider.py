"""The provider itself: requests out, answers in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from messaging.channels.base import Accepted, ConfigFault, Outcome, Parcel, Repeat, Traits
from messaging.channels.calls import Call, Heard, What
from messaging.channels.wire import Answer, Wire
from messaging.providers.http_sms.answers import find_reference, understand
from messaging.providers.http_sms.config import Settings, check_settings, read_settings
from messaging.providers.http_sms.doors import hear
from messaging.providers.http_sms.filling import Filling, Question, Request
from messaging.providers.http_sms.presets import PRESETS

_SMS = frozenset({"sms"})


class HttpSmsProvider:
    """
    Any gateway that takes a text by an HTTP request.

    Its address may be on a private network: only administrators enter it, and a shop's own gateway (a modem in the
    back office) stands on one. Redirects are not followed.
    """

    traits = Traits(channels=_SMS)
    presets = PRESETS

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = read_settings(config)
        self.traits = _traits(self._settings)
        self._filling = Filling(self._settings)
        self._wire = Wire(self.traits)

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return check_settings(config)

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        return self._wire.carry(parcels, self._deliver)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        look_up = self._settings.look_up
        if look_up is None or not keys:
            return {}
        question = Question(self._settings, look_up)

        async def ask(key: str) -> str | None:
            return find_reference(await self._call(question.request(key)), look_up)

        return {key: reference for key, reference in self._wire.ask(keys, ask).items() if reference}

    def hear(self, call: Call, *, now: datetime) -> Heard:
        return hear(call, self._settings, now=now)

    async def _deliver(self, parcel: Parcel) -> Accepted:
        answer = await self._call(self._filling.request(parcel))
        return understand(answer, self._settings, parcel.key, now=parcel.at)

    async def _call(self, request: Request) -> Answer:
        return await self._wire.call(request.method, request.url, headers=request.headers, data=request.body)


def _traits(settings: Settings) -> Traits:
    repeat = Repeat(settings.repeat)
    return Traits(
        channels=_SMS,
        repeat=Repeat.LOOKUP if settings.look_up else repeat,
        key_life=settings.life_of_keys,
        # At most five rounds of calls: well within a lease, even at a second each.
        batch=min(500, 5 * settings.in_flight),
        in_flight=settings.in_flight,
        timeout=timedelta(seconds=settings.timeout),
        doors=frozenset(what for what in (What.RECEIPTS, What.INBOUND) if getattr(settings, what)),
    )
