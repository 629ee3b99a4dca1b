"""Writing to one customer from their page."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.access.guards import staff_of, staff_required
from crm.forms.base import refuse
from crm.models import Channel, Topic
from crm.views.customers import show
from crm.views.customers import visible as visible_customer
from crm.views.parts import done, refused
from messaging.forms.compose import ComposeForm
from messaging.models import Message
from messaging.rendering import sms
from messaging.services import texts


@require_POST
@staff_required("messages.send")
def send_sms(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _send(request, public_id, Channel.SMS)


@require_POST
@staff_required("messages.send")
def send_email(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _send(request, public_id, Channel.EMAIL)


def _send(request: HttpRequest, public_id: UUID, channel: Channel) -> HttpResponse:
    customer = visible_customer(request, public_id)
    form = ComposeForm(request.POST, channel=channel, topics=list(Topic.objects.all()))
    if form.is_valid():
        said = dict(form.cleaned_data)
        once = said.pop("once").hex
        try:
            message = texts.send_text(
                customer=customer, channel=channel, actor=staff_of(request), once=once, now=timezone.now(), **said
            )
        except texts.CannotWrite as error:
            refuse(form, error)
        else:
            url = customer.get_absolute_url()
            if message.state != Message.State.QUEUED:
                return refused(request, str(message.reason_label), url)
            return done(request, _("%(channel)s queued.") % {"channel": channel.label}, url)
    return show(request, customer, tab=channel, form=form)


@require_POST
@staff_required("messages.view")
def measure(request: HttpRequest) -> HttpResponse:
    """What the text being typed takes as SMS: alphabet, segments, room left."""
    text = next((request.POST[name] for name in ("body", "sms-body") if name in request.POST), "")
    return render(request, "messaging/measure.html", {"measure": sms.measure(text[:20_000].strip())})
