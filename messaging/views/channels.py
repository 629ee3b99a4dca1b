"""Settings of channels: providers, senders, and the switches that stop them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.extensions import Text
from crm.lib.htmx import redirect_to, render_page, wants
from crm.lib.paging import bounded_count
from crm.lib.vault import CannotUnseal
from crm.models import Channel, Customer
from crm.views.parts import done, posted
from messaging.channels import registry
from messaging.channels.base import Preset
from messaging.channels.calls import What
from messaging.forms.channels import ChannelForm, TrialForm
from messaging.models import ChannelSettings, Message, MessagingSettings
from messaging.models.channel import SANDBOX
from messaging.outbox.addresses import address_of
from messaging.rendering import links
from messaging.selectors.log import COUNTED
from messaging.services import channels

LIST = "messaging:channel_list"
EDIT = "messaging:channel_edit"


@require_GET
@staff_required("settings.shop")
def channel_list(request: HttpRequest) -> HttpResponse:
    """Every channel: how it is connected, whether it sends, how its provider fares."""
    rows = {row.channel: row for row in ChannelSettings.objects.select_related("flow")}
    waiting = bounded_count(Message.objects.queued(), COUNTED)
    entries = [
        {"channel": channel, "row": rows.get(channel), "flow": getattr(rows.get(channel), "flow", None)}
        for channel in Channel
        if channel in rows or registry.serving(channel)
    ]
    context = {
        "entries": entries, "sending_on": MessagingSettings.current().sending_on, "waiting": waiting, "most": COUNTED,
    }  # fmt: skip
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
    kind, row = _known(channel)
    start, initial = _start(request, kind)
    form = ChannelForm(posted(request), channel=kind, instance=row or ChannelSettings(), start=start, initial=initial)
    if request.method == "POST" and form.is_valid():
        said: dict[str, Any] = {field: form.cleaned_data[field] for field in ("provider", "sender", "max_per_second")}
        try:
            channels.connect_channel(channel=channel, config=form.new_config, **said)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _connected(row, form) % {"channel": kind.label})
            return redirect_to(request, reverse(EDIT, args=[channel]))
    return _page(request, kind, row, form=form)


@require_POST
@staff_required("settings.channels")
def channel_trial(request: HttpRequest, channel: str) -> HttpResponse:
    """Send the member of staff a few words by this channel, and show what becomes of them."""
    kind, row = _known(channel)
    if row is None:
        raise Http404
    form = TrialForm(request.POST, channel=kind)
    if not form.is_valid():
        return _page(request, kind, row, trial_form=form)
    message = channels.send_trial(
        row, address=str(form.cleaned_data["address"]), actor=staff_of(request), now=timezone.now()
    )
    return redirect(f"{reverse(EDIT, args=[channel])}?trial={message.public_id}#trial")


def _connected(before: ChannelSettings | None, form: ChannelForm) -> str:
    """Whether new credentials are any good only a message shows: no service is asked while a page waits."""
    provider = form.cleaned_data["provider"]
    is_same = before is not None and form.initial.get("provider") == provider and form.new_config is None
    if is_same or provider == SANDBOX:
        return _("%(channel)s is connected.")
    return _("%(channel)s is connected, and not tried yet: send yourself a test.")


def _known(channel: str) -> tuple[Channel, ChannelSettings | None]:
    if channel not in Channel.values or not registry.serving(channel):
        raise Http404
    return Channel(channel), ChannelSettings.objects.filter(channel=channel).first()


def _start(request: HttpRequest, channel: Channel) -> tuple[Preset | None, dict[str, str]]:
    """What the settings start from: `?start=<provider>:<preset>`."""
    provider, _colon, name = request.GET.get("start", "").partition(":")
    if not provider:
        return None, {}
    preset = registry.presets(provider).get(name) if provider in registry.serving(channel) else None
    if preset is None:
        raise Http404
    return preset, {"provider": provider}


def _page(
    request: HttpRequest,
    channel: Channel,
    row: ChannelSettings | None,
    *,
    form: ChannelForm | None = None,
    trial_form: TrialForm | None = None,
) -> HttpResponse:
    """The channel's page; htmx may ask for its faults, or what became of a test, alone."""
    trial = _trial(request, channel)
    initial = {"address": trial.address if trial else _own_address(request, channel)}
    faulty = bool((form and form.errors) or (trial_form and trial_form.errors))
    context = {
        "channel": channel,
        "row": row,
        "title": channel.label,
        "form": form or ChannelForm(channel=channel, instance=row),
        "simulated": row is not None and row.provider == SANDBOX,
        "presets": _presets(channel),
        "started": request.GET.get("start", ""),
        "doors": _doors(row) if row else [],
        "trial_form": trial_form or TrialForm(channel=channel, initial=initial),
        "trial": trial,
    }
    partial = "trial" if wants(request, "trial") else "faults"
    return render_page(request, "messaging/channel_edit.html", context, partial=partial, status=422 if faulty else 200)


def _presets(channel: Channel) -> list[tuple[str, Text]]:
    """Every preset of the channel's providers as (value of `start`, label)."""
    return [
        (f"{provider}:{slug}", _PRESETS.get(f"{provider}:{slug}", preset.label))
        for provider in registry.serving(channel)
        for slug, preset in registry.presets(provider).items()
    ]


def _doors(row: ChannelSettings) -> list[tuple[Text, str]]:
    """The addresses at which the provider may call us, as (what for, address)."""
    try:
        doors = registry.provider(row.provider, row.config).traits.doors
    except (registry.UnknownProvider, CannotUnseal):
        return []  # doctor says so
    return [(words, address(row.hook_token)) for what, (words, address) in _DOORS.items() if what in doors]


_PRESETS: Mapping[str, Text] = {
    "http_sms:json": gettext_lazy("Another gateway, JSON"),
    "http_sms:form": gettext_lazy("Another gateway, form fields"),
}

_DOORS: Mapping[What, tuple[Text, Callable[[str], str]]] = {
    What.HOOK: (gettext_lazy("Everything it has to tell"), links.hook_url),
    What.RECEIPTS: (gettext_lazy("Delivery receipts"), links.receipts_url),
    What.INBOUND: (gettext_lazy("What people write"), links.inbound_url),
}


def _own_address(request: HttpRequest, channel: Channel) -> str:
    """The reader's own address on the channel, as far as the shop knows them."""
    user = staff_of(request)
    own = Customer.objects.filter(email=user.email, merged_into=None).first() if user.email else None
    return address_of(own, channel) if own else user.email if channel == Channel.EMAIL else ""


def _trial(request: HttpRequest, channel: Channel) -> Message | None:
    """The test message that the address names."""
    try:
        public_id = UUID(request.GET.get("trial", ""))
    except ValueError:
        return None
    return Message.objects.filter(public_id=public_id, channel=channel, cause__kind="test").first()


def _wish(request: HttpRequest) -> bool:
    wish = request.POST.get("wish", "")
    if wish not in ("on", "off"):
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "wish", "value": wish[:60]})
    return wish == "on"
