"""What happens by itself is listed in one place, and the database follows."""

import inspect
import pydoc
from datetime import UTC, datetime, time

import pytest
from django.core.management import call_command
from django_q.models import Schedule

from config.management.commands.sync_schedules import first_run
from config.schedules import BELLS, HEARTBEAT, NIGHTLY, TICK, Nightly
from crm.models import Shop


@pytest.mark.parametrize("func", sorted({HEARTBEAT, *TICK, *BELLS.values(), *(job.func for job in NIGHTLY)}))
def test_every_line_names_a_function_of_a_tasks_module(func):
    assert func.rsplit(".", 1)[0].endswith(".tasks")
    assert inspect.isfunction(pydoc.locate(func))


@pytest.mark.django_db
def test_the_database_gets_the_rows_of_the_table_and_loses_the_others():
    Schedule.objects.create(name="by hand", func="math.sqrt")

    call_command("sync_schedules", verbosity=0)

    rows = Schedule.objects.order_by("name").values_list("name", "func", "schedule_type", "repeats")
    assert list(rows) == [(job.name, job.func, "D", -1) for job in NIGHTLY]


@pytest.mark.django_db
def test_writing_them_again_moves_no_run():
    call_command("sync_schedules", verbosity=0)
    tomorrow = datetime(2099, 1, 1, tzinfo=UTC)
    Schedule.objects.update(next_run=tomorrow)

    call_command("sync_schedules", verbosity=0)

    assert set(Schedule.objects.values_list("next_run", flat=True)) == {tomorrow}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 21, 19, 0, tzinfo=UTC), datetime(2026, 11, 21, 20, 10, tzinfo=UTC)),
        (datetime(2026, 11, 21, 20, 10, tzinfo=UTC), datetime(2026, 11, 22, 20, 10, tzinfo=UTC)),
        (datetime(2026, 11, 21, 21, 0, tzinfo=UTC), datetime(2026, 11, 22, 20, 10, tzinfo=UTC)),
    ],
)
def test_the_night_is_the_shops(now, expected):
    Shop.objects.update_or_create(pk=1, defaults={"time_zone": "Asia/Bangkok"})

    assert first_run(Nightly("prune", "crm.tasks.prune", time(3, 10)), now) == expected
