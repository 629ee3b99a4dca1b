"""Programs that call the API of journeys."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from tests.crm.api.conftest import Program


@pytest.fixture
def api(db: None) -> Program:
    """A program whose key may do everything; what it writes is of the source "web"."""
    cache.clear()
    return Program()
