"""What staff write down on a customer's page: notes, calls, tasks."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.access.guards import staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.work import NoteForm, TaskForm
from crm.models import Note
from crm.services import work
from crm.views.customers import show, visible
from crm.views.parts import done


@require_POST
@staff_required("customers.edit")
def note_add(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _write_down(request, public_id, Note.Kind.NOTE, _("The note is kept."))


@require_POST
@staff_required("customers.edit")
def call_add(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _write_down(request, public_id, Note.Kind.CALL, _("The call is logged."))


def _write_down(request: HttpRequest, public_id: UUID, kind: Note.Kind, said: str) -> HttpResponse:
    customer = visible(request, public_id)
    form = NoteForm(request.POST, prefix=kind.value)
    if form.is_valid():
        try:
            body = form.cleaned_data["body"]
            work.add_note(customer=customer, body=body, author=staff_of(request), now=timezone.now(), kind=kind)
        except work.InvalidWork as error:
            refuse(form, error)
        else:
            return done(request, said, customer.get_absolute_url())
    return show(request, customer, tab=kind.value, form=form)


@require_POST
@staff_required("tasks.edit")
def task_add(request: HttpRequest, public_id: UUID) -> HttpResponse:
    customer = visible(request, public_id)
    form = TaskForm(request.POST, prefix="task")
    if form.is_valid():
        try:
            work.add_task(customer=customer, now=timezone.now(), **form.cleaned_data)
        except work.InvalidWork as error:
            refuse(form, error)
        else:
            return done(request, _("The task is set."), customer.get_absolute_url())
    return show(request, customer, tab="task", form=form)
