"""What the fault tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_django

from tests.faults.deployment import Deployment, deployed


@pytest.fixture
def deployment(
    tmp_path: Path, django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[Deployment]:
    with django_db_blocker.unblock(), deployed(tmp_path) as made:
        yield made
