import pytest

from crm.models import Event, Task
from crm.services import work
from crm.services.work import InvalidWork
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later

pytestmark = pytest.mark.django_db


def test_a_note_and_a_call_stand_on_the_log() -> None:
    customer, staff = CustomerFactory.create(), UserFactory.create(first_name="Nok")
    work.add_note(customer=customer, body=" Prefers mornings ", author=staff, now=later(hours=1))
    work.add_note(customer=customer, body="Called back", author=staff, kind="call", now=later(hours=2))

    found = Event.objects.filter(object_type="note").order_by("pk").values_list("name", "properties__text")
    assert list(found) == [("Note Added", "Prefers mornings"), ("Call Logged", "Called back")]


def test_a_task_is_done_once() -> None:
    task = work.add_task(title="Call Ann", now=NOON, due_at=later(days=1))
    work.complete_task(task, now=later(hours=1), outcome="reached")
    work.complete_task(task, now=later(hours=2), outcome="again")

    assert (task.done_at, task.outcome) == (later(hours=1), "reached")
    assert not Task.objects.open().exists()
    work.reopen_task(task)
    assert list(Task.objects.overdue(later(days=2))) == [task]


def test_a_task_about_a_customer_that_is_done_stands_on_the_log_with_its_outcome() -> None:
    customer = CustomerFactory.create()
    task = work.add_task(title="Call Ann", customer=customer, now=NOON)
    assert not Event.objects.filter(name="Task Completed").exists()
    work.complete_task(task, now=later(hours=1), outcome=" reached ")
    work.complete_task(task, now=later(hours=2), outcome="again")
    event = Event.objects.get(name="Task Completed")
    assert (event.customer, event.occurred_at, event.object_id) == (customer, later(hours=1), task.pk)
    assert event.properties == {"task": str(task.public_id), "title": "Call Ann", "outcome": "reached", "cause": ""}


def test_empty_words_are_refused() -> None:
    with pytest.raises(InvalidWork, match="body"):
        work.add_note(customer=CustomerFactory.create(), body=" ", author=None, now=NOON)
    with pytest.raises(InvalidWork, match="title"):
        work.add_task(title="", now=NOON)
