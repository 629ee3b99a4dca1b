"""The vocabulary of the log, with what every app adds to it."""

from pathlib import Path

import pytest
from django.conf import settings

from crm.events import types
from crm.events.types import EventType

CHIPS = {"visit", "enquiry", "order", "message", "ticket", "review", "stage", "staff", "other"}


@pytest.mark.parametrize("event_type", types.known(), ids=lambda event_type: event_type.name)
def test_every_type_has_a_label_a_chip_and_an_icon_that_exist(event_type: EventType) -> None:
    assert str(event_type.label)
    assert event_type.category in CHIPS
    assert (Path(settings.BASE_DIR) / f"templates/components/icons/{event_type.icon}.html").is_file(), event_type.icon


def test_a_type_nobody_registered_still_has_a_label() -> None:
    assert types.get("Spaceship Boarded") == EventType("Spaceship Boarded", "Spaceship Boarded")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        types.register(EventType("Order Completed", "Again"))


def test_old_names_lead_to_names_we_know() -> None:
    assert {name for name in types.ALIASES.values() if types.get(name).label == name} == set()
