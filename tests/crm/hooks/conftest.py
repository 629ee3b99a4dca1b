"""A receiver on this machine, which the operator trusts."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.crm.hooks.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    with receiving() as somebody:
        settings.WEBHOOK_TRUSTED = frozenset({somebody.place})
        yield somebody
