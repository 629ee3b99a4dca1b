"""What the path tests share: a shop with a key, and a clock that they move themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import time_machine

from config import ticks
from journeys.flows import versions
from journeys.models import Flow
from tests.crm.api.conftest import Program

# A Monday noon in Bangkok.
START = datetime.fromisoformat("2026-03-02T12:00:00+07:00")


class World:
    """The shop from outside: a program's key, and time that passes when the test says so."""

    def __init__(self, traveller: time_machine.Coordinates) -> None:
        self.api = Program(source="web")
        self._traveller = traveller

    def at(self, moment: datetime) -> None:
        """It is now `moment`."""
        self._traveller.move_to(moment)

    def until(self, moment: datetime) -> None:
        """Let time pass until `moment`, doing all work at the instant it falls due."""
        while (due := ticks.next_due_at()) is not None and due <= moment:
            self._traveller.move_to(due)
            while sum(ticks.tick(due).values()):
                pass
        self._traveller.move_to(moment)

    def order(self, reference: str = "1001", **more: Any) -> int:
        """PUT an order of Ploy's; the status of the answer."""
        body = {
            "customer": {"email": "ploy@example.com", "phone": "081 234 5678", "external": {"web": "42"}},
            "placed_at": START.isoformat(),
            "total": {"amount": "590.00", "currency": "THB"},
            "items": [{"sku": "KTL", "name": "Kettle", "quantity": 1, "price": {"amount": "590", "currency": "THB"}}],
            **more,
        }
        return self.api.put(f"purchases/web/{reference}/", body).status_code


@pytest.fixture
def world(db: None, time_machine: Any) -> World:
    time_machine.move_to(START, tick=False)
    return World(time_machine)


def publish(slug: str, definition: dict[str, Any], now: datetime = START) -> Flow:
    flow = versions.create_flow(slug=slug, name=slug, definition=definition, now=now)
    versions.publish(flow, actor=None, now=now)
    flow.refresh_from_db()
    return flow
