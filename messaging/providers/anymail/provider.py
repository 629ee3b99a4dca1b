"""The provider itself: letters out, calls in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from django.core.mail import get_connection

from messaging.channels.base import Accepted, ConfigFault, Failure, Outcome, Parcel, Repeat, Traits
from messaging.channels.calls import Call, FileIn, Heard
from messaging.channels.courier import Courier
from messaging.channels.wire import accepted
from messaging.providers.anymail import brevo, hearing
from messaging.providers.anymail.esps import PRESETS, Settings, check_settings
from messaging.providers.anymail.failures import understand
from messaging.providers.smtp import letter

# Seconds to connect, and to wait for the answer.
TIMEOUTS = (5.0, 20.0)


class AnymailProvider:
    """
    Hands letters to a service's HTTP API. Its backends are ordinary code, so each call has a thread of its own; their
    connections last as long as a batch.

    No service remembers a key of ours, and none can be asked for one: a lost answer waits for a receipt, which brings
    the key back, and is never repeated.
    """

    traits = Traits(
        channels=frozenset({"email"}), repeat=Repeat.NEVER, batch=100, in_flight=10, timeout=timedelta(seconds=30)
    )
    presets = PRESETS

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = Settings.model_validate(config)
        self.traits = replace(type(self).traits, doors=self._settings.doors, largest=self._settings.service.largest)
        self._timeouts = TIMEOUTS

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return check_settings(config)

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        room = self.traits.in_flight
        backends = _Backends(self._settings, self._timeouts)
        with (
            closing(Courier(in_flight=room, timeout=self.traits.timeout)) as courier,
            closing(backends),
            ThreadPoolExecutor(room, thread_name_prefix="anymail") as threads,
        ):

            async def deliver(parcel: Parcel) -> Accepted:
                return await asyncio.get_running_loop().run_in_executor(
                    threads, _hand_over, parcel, backends, self._settings
                )

            yield from courier.carry(parcels, deliver)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {}

    async def fetch(self, reference: str, *, now: datetime) -> FileIn:
        return await brevo.fetch(reference, self._settings.settings, now=now)

    def hear(self, call: Call, *, now: datetime) -> Heard:
        return hearing.hear(call, self._settings, now=now)


class _Backends:
    """Open connections, each used by one thread at a time."""

    def __init__(self, settings: Settings, timeouts: tuple[float, float]) -> None:
        self._settings, self._timeouts = settings, timeouts
        self._idle: SimpleQueue[Any] = SimpleQueue()

    def take(self) -> Any:
        try:
            return self._idle.get_nowait()
        except Empty:
            path = f"anymail.backends.{self._settings.esp}.EmailBackend"
            options: dict[str, Any] = {**self._settings.for_backend, "timeout": self._timeouts}
            backend: Any = get_connection(path, **options)
            backend.open()
            # A redirect would take letter and credentials to an address that nobody entered.
            backend.session.max_redirects = 0
            return backend

    def give_back(self, backend: Any) -> None:
        self._idle.put(backend)

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()


def _hand_over(parcel: Parcel, backends: _Backends, settings: Settings) -> Accepted:
    try:
        backend = backends.take()
    except Exception as error:
        raise understand(error, now=parcel.at) from error
    try:
        mail: Any = letter(parcel, backend, largest=settings.service.largest)
        mail.extra_headers.update(settings.service.headers or {})
        mail.metadata = {hearing.KEY: parcel.key}
        for name in ("track_opens", "track_clicks"):
            if (wanted := getattr(settings, name)) is not None:
                setattr(mail, name, wanted)
        mail.send()
    except Failure:
        raise
    except Exception as error:
        raise understand(error, now=parcel.at) from error
    finally:
        backends.give_back(backend)
    return accepted(mail.anymail_status.message_id)
