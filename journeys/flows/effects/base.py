"""What an effect is handed to its performer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from journeys.flows.steps.base import Effect
from journeys.models import Enrolment, Flow
from journeys.models.enrolment import effect_key

E = TypeVar("E", bound=Effect)


@dataclass(frozen=True, slots=True)
class Order(Generic[E]):
    """One effect of one visit of one run, which was due at `due_at`, or woken then."""

    flow: Flow
    run: Enrolment
    step: str
    visit: int
    effect: E
    due_at: datetime

    @property
    def key(self) -> str:
        """Names the effect: the same key is the same effect, whatever is done again."""
        return effect_key(self.run.pk, self.step, self.visit)


Performer = Callable[[Sequence[Order[Any]], datetime], None]
