"""A provider that does as it is told, and remembers what it was given."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from messaging.channels.base import Accepted, ConfigFault, Outcome, Parcel, Repeat, Traits
from messaging.channels.calls import Call, Heard, NoSuchDoor

Answer = Callable[[Parcel], Outcome]


class FakeProvider:
    """
    Registered as "fake" by the fixture of that name.

    Class attributes are the script, since the registry makes the object: `answers` are used up one by one, then
    everything is accepted.
    """

    traits = Traits(repeat=Repeat.NEVER, batch=100, in_flight=10)
    calls: list[Parcel] = []
    answers: list[Outcome | Answer] = []
    known: dict[str, str] = {}

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return []

    @classmethod
    def reset(cls) -> None:
        cls.traits = Traits(repeat=Repeat.NEVER, batch=100, in_flight=10)
        cls.calls, cls.answers, cls.known = [], [], {}

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        for parcel in parcels:
            self.calls.append(parcel)
            answer = self.answers.pop(0) if self.answers else Accepted(f"ref-{parcel.key}")
            yield parcel, answer(parcel) if callable(answer) else answer

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {key: self.known[key] for key in keys if key in self.known}

    def hear(self, call: Call, *, now: datetime) -> Heard:
        raise NoSuchDoor


PATH = f"{FakeProvider.__module__}.{FakeProvider.__qualname__}"
