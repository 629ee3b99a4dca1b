"""Settings of channels: providers, senders, and the switches that stop them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_required
from crm.models import Channel
from crm.views.parts import done, posted
from messaging.channels import registry
from messaging.forms.channels import ChannelForm
from messaging.models import ChannelSettings, Message, MessagingSettings
from messaging.services import channels

LIST = "messaging:channel_list"


@require_GET
@staff_required("settings.shop")
def channel_list(request: HttpRequest) -> HttpResponse:
    """Every channel: how it is connected, whether it sends, how its provider fares."""
    rows = {row.channel: row for row in ChannelSettings.objects.select_related("flow")}
    waiting = Message.objects.queued().order_by().values("pk")[:1001].count()
    entries = [
        {"channel": channel, "row": rows.get(channel), "flow": getattr(rows.get(channel), "flow", None)}
        for channel in Channel
        if channel in rows or registry.serving(channel)
    ]
    context = {"entries": entries, "sending_on": MessagingSettings.current().sending_on, "waiting": waiting}
    return render(request, "messaging/channel_list.html", context)


@require_POST
@staff_required("settings.shop")
def sending_switch(request: HttpRequest) -> HttpResponse:
    """Stop or go on sending on all channels."""
    on = _wish(request)
    channels.switch_sending(on=on)
    said = _("Messages go out again.") if on else _("Nothing goes out any more. Messages wait.")
    return done(request, said, reverse(LIST))


@require_POST
@staff_required("settings.shop")
def channel_switch(request: HttpRequest, channel: str) -> HttpResponse:
    """Stop or go on sending on one channel."""
    row = get_object_or_404(ChannelSettings, channel=channel)
    on = _wish(request)
    channels.switch_channel(row, on=on)
    said = _("%(channel)s goes out again.") if on else _("%(channel)s is switched off. Its messages wait.")
    return done(request, said % {"channel": row.get_channel_display()}, reverse(LIST))


@require_POST
@staff_required("settings.shop")
def channel_circuit(request: HttpRequest, channel: str) -> HttpResponse:
    """Somebody says that the provider is well again."""
    row = get_object_or_404(ChannelSettings.objects.select_related("flow"), channel=channel)
    channels.close_circuit(row)
    return done(request, _("%(channel)s is tried again.") % {"channel": row.get_channel_display()}, reverse(LIST))


@require_http_methods(["GET", "POST"])
@staff_required("settings.channels")
def channel_edit(request: HttpRequest, channel: str) -> HttpResponse:
    """Connect a channel. What is secret goes in and never comes out."""
    if channel not in Channel.values or not registry.serving(channel):
        raise Http404
    row = ChannelSettings.objects.filter(channel=channel).first()
    form = ChannelForm(posted(request), channel=Channel(channel), instance=row or ChannelSettings())
    name = Channel(channel).label
    if request.method == "POST" and form.is_valid():
        said: dict[str, Any] = {field: form.cleaned_data[field] for field in ("provider", "sender", "max_per_second")}
        try:
            channels.connect_channel(channel=channel, config=form.new_config, **said)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return done(request, _("%(channel)s is connected.") % {"channel": name}, reverse(LIST))
    context = {"form": form, "title": name, "simulated": row is not None and row.provider == "sandbox"}
    return render(request, "messaging/channel_edit.html", context, status=422 if form.errors else 200)


def _wish(request: HttpRequest) -> bool:
    wish = request.POST.get("wish", "")
    if wish not in ("on", "off"):
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "wish", "value": wish[:60]})
    return wish == "on"
