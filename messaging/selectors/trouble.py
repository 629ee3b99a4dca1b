"""What goes wrong in sending, and needs a person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm.models import Channel, User
from messaging.models import ChannelSettings, InboundMessage, Message, MessagingSettings, ProviderState, Restoration

State = Message.State


@dataclass(frozen=True, slots=True)
class Halt:
    """Something that keeps messages from going out; `url` is the name of the page where it is mended."""

    title: str
    detail: str = ""
    url: str = "messaging:channel_list"
    label: str = ""


def unclear(user: User) -> QuerySet[Message]:
    """Messages of which nobody knows whether they arrived, the oldest first."""
    return Message.objects.visible_to(user).unclear().select_related("customer", "template").order_by("id")


def failed_since(user: User, since: datetime) -> QuerySet[Message]:
    """Messages that failed for good, the newest first."""
    rows = Message.objects.visible_to(user).filter(state__in=[State.FAILED, State.DEAD], ended_at__gte=since)
    return rows.select_related("customer", "template").order_by("-id")


def perhaps_stop(user: User) -> QuerySet[InboundMessage]:
    """Texts that may mean "stop", the oldest first; those of nobody we know are everybody's."""
    rows = InboundMessage.objects.visible_to(user).to_review()
    return rows.select_related("customer").order_by("received_at", "pk")


def halts(channels: Collection[str] = Channel.values) -> list[Halt]:
    """A restored database, kill switches that are off, and providers that fail, of these channels."""
    if found := restored():
        return found
    if not MessagingSettings.current().sending_on:
        return [Halt(_("All sending is switched off"), _("Messages stay queued until somebody switches it on."))]
    rows = ChannelSettings.objects.select_related("flow").filter(channel__in=channels)
    return [halt for row in rows if (halt := _halt(row))]


def restored() -> list[Halt]:
    """The hold on a restored database, if there is one."""
    return [_restored(row) for row in Restoration.objects.open()]


def _restored(row: Restoration) -> Halt:
    if row.asked_at:
        detail = _("Messages wait while it is being reconciled.")
    else:
        detail = _("Nothing is sent, so that nobody gets a message twice, until somebody says what to do.")
    return Halt(
        _("The database was restored from a backup"), detail, url="messaging:restoration", label=_("Restored backup")
    )


def _halt(row: ChannelSettings) -> Halt | None:
    name = row.get_channel_display()
    if not row.is_on:
        return Halt(_("%(channel)s is switched off") % {"channel": name}, _("Its messages stay queued."))
    state: ProviderState | None = getattr(row, "flow", None)
    if state is None or state.breaker == ProviderState.Breaker.CLOSED:
        return None
    if state.breaker == ProviderState.Breaker.TRIPPED:
        return Halt(_("%(channel)s: the provider refuses our credentials") % {"channel": name}, state.last_error)
    return Halt(_("%(channel)s: the provider fails") % {"channel": name}, state.last_error)
