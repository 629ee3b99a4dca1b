from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Event, Note, Task, User
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_note_is_kept_and_stands_in_the_timeline_at_once(
    manager: Client, htmx: Callable[[str], dict[str, str]]
) -> None:
    customer = CustomerFactory()
    url = reverse("crm:note_add", args=[customer.public_id])
    page = manager.post(url, {"note-body": "Prefers mornings."}, headers=htmx("record"), follow=True).content.decode()
    assert Note.objects.get().author.first_name == "Mali"
    assert "Prefers mornings." in page
    assert 'hx-swap-oob="beforeend"' in page  # the toast comes along
    assert "<html" not in page


def test_a_call_is_a_sign_of_life_and_a_note_is_none(manager: Client) -> None:
    customer = CustomerFactory()
    manager.post(reverse("crm:note_add", args=[customer.public_id]), {"note-body": "a note"})
    manager.post(reverse("crm:call_add", args=[customer.public_id]), {"call-body": "a call"})
    written = Event.objects.filter(name__in=["Note Added", "Call Logged"])
    assert {event.name: event.type.sign_of_life for event in written} == {"Note Added": False, "Call Logged": True}


def test_an_empty_note_opens_its_tab_again_with_the_fault(manager: Client) -> None:
    customer = CustomerFactory()
    response = manager.post(reverse("crm:call_add", args=[customer.public_id]), {"call-body": " "})
    assert response.status_code == 422
    assert [entry["tab"].key for entry in response.context["tabs"] if entry["open"]] == ["call"]
    assert "This field is required." in response.content.decode()
    assert not Note.objects.exists()


def test_a_task_is_set_with_the_shops_clock_and_ticked_off(manager: Client) -> None:
    customer = CustomerFactory()
    colleague = UserFactory()
    manager.post(
        reverse("crm:task_add", args=[customer.public_id]),
        {"task-title": "Call back", "task-due_at": "2026-03-02T17:00", "task-assignee": colleague.username},
    )
    task = Task.objects.get()
    assert (task.title, task.assignee, task.customer) == ("Call back", colleague, customer)
    assert task.due_at.isoformat() == "2026-03-02T10:00:00+00:00"  # 17:00 in Bangkok


def test_somebody_elses_task_is_not_mine_to_finish(sign_in: SignIn) -> None:
    task = Task.objects.create(title="Theirs", assignee=UserFactory())
    assert sign_in(User.Role.SALES).post(reverse("crm:task_done", args=[task.public_id])).status_code == 404
    task.refresh_from_db()
    assert task.done_at is None


def test_a_finished_task_goes_from_its_row_with_a_word(manager: Client) -> None:
    task = Task.objects.create(title="Call back", due_at=timezone.now() - timedelta(days=1))
    response = manager.post(reverse("crm:task_done", args=[task.public_id]), headers={"HX-Request": "true"})
    assert (response.status_code, response.content) == (200, b"")
    assert "Done: Call back" in response["HX-Trigger"]
    task.refresh_from_db()
    assert task.done_at is not None
    manager.post(reverse("crm:task_reopen", args=[task.public_id]))
    task.refresh_from_db()
    assert task.done_at is None


def test_after_a_post_nobody_is_sent_to_another_site(manager: Client) -> None:
    task = Task.objects.create(title="Call back")
    response = manager.post(reverse("crm:task_done", args=[task.public_id]), {"next": "https://evil.example/"})
    assert response["Location"] == "/"
