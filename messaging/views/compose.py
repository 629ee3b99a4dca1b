"""Writing to one customer from their page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.access.guards import shop_of, staff_of, staff_required
from crm.forms.base import refuse
from crm.lib.htmx import wants
from crm.models import Channel, Customer
from crm.selectors.topics import topics_for
from crm.views.customers import show
from crm.views.customers import visible as visible_customer
from crm.views.parts import choice_of, done, refused
from messaging.forms.compose import ComposeForm
from messaging.models import Message, Template
from messaging.outbox.addresses import address_of
from messaging.rendering.shortening import measure_as_sent
from messaging.selectors.filling import fill_in, template_choices
from messaging.services import texts


@require_http_methods(["GET", "POST"])
@staff_required("messages.send")
def send_sms(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _write(request, public_id, Channel.SMS)


@require_http_methods(["GET", "POST"])
@staff_required("messages.send")
def send_email(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _write(request, public_id, Channel.EMAIL)


def _write(request: HttpRequest, public_id: UUID, channel: Channel) -> HttpResponse:
    """GET offers templates to start from, and with `?template=` the form filled in from one; POST sends."""
    customer = visible_customer(request, public_id)
    return _send(request, customer, channel) if request.method == "POST" else _begin(request, customer, channel)


def _begin(request: HttpRequest, customer: Customer, channel: Channel) -> HttpResponse:
    chosen = choice_of(request, "template", _("Template"), template_choices(channel))
    context: dict[str, Any] = {"channel": channel, "template_choice": chosen}
    if address_of(customer, channel):
        initial: dict[str, str] = {}
        if chosen.value:
            template = Template.objects.get(channel=channel, slug=chosen.value)
            context["filled"] = filled = fill_in(template, customer=customer, shop=shop_of(request))
            initial = {"subject": filled.subject, "body": filled.body}
        context["form"] = ComposeForm(channel=channel, topics=topics_for(staff_of(request)), initial=initial)
    if wants(request, f"write-{channel}"):
        here = {"compose": context, "tab": {"label": channel.label}, "url": request.path}
        return render(request, "messaging/compose.html", here)
    return show(request, customer, tab=channel, **context)


def _send(request: HttpRequest, customer: Customer, channel: Channel) -> HttpResponse:
    form = ComposeForm(request.POST, channel=channel, topics=topics_for(staff_of(request)))
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
    """What the text being typed, in a field whose name ends in "body", takes as SMS: alphabet, segments, room left."""
    text = request.POST.get(next((name for name in request.POST if name.endswith("body")), ""), "")
    return render(request, "messaging/measure.html", {"measure": measure_as_sent(text[:20_000])})
