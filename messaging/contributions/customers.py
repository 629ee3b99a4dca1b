"""Messages on the customer's page: writing one, what was sent lately, what is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.access.roles import may
from crm.extensions import (
    ComposerTab,
    Panel,
    UpcomingItem,
    add_composer_tab,
    add_panel,
    upcoming_source,
)
from crm.models import Channel, Customer, Shop, User
from crm.selectors.topics import topics_for
from messaging.forms.compose import ComposeForm
from messaging.models import Message
from messaging.outbox.addresses import address_of
from messaging.rendering import links
from messaging.selectors import causes, standing
from messaging.selectors.reading import in_short


def sms_context(customer: Customer, user: User) -> Mapping[str, Any]:
    return _compose(customer, user, Channel.SMS)


def email_context(customer: Customer, user: User) -> Mapping[str, Any]:
    return _compose(customer, user, Channel.EMAIL)


def _compose(customer: Customer, user: User, channel: Channel) -> Mapping[str, Any]:
    if not address_of(customer, channel):
        return {"channel": channel}
    return {"channel": channel, "form": ComposeForm(channel=channel, topics=topics_for(user))}


add_composer_tab(
    ComposerTab("sms", _("SMS"), "messaging:send_sms", "messaging/compose.html", "messages.send", sms_context, order=20)
)
add_composer_tab(
    ComposerTab(
        "email", _("Email"), "messaging:send_email", "messaging/compose.html", "messages.send", email_context, order=30
    )
)


def messages_card(customer: Customer, user: User, now: datetime) -> Mapping[str, Any] | None:
    """The last messages, and what stands against the customer's addresses; nothing before there is either."""
    latest, lines = standing.latest_messages(customer), standing.lines_of(customer)
    stopped = [line for line in lines if line.suppressions]
    if not latest and not stopped:
        return None
    return {"latest": latest, "stopped": stopped, "customer": customer}


add_panel(Panel("messages", "messaging/customer_messages.html", messages_card, zone="side", order=30))


def addresses_card(customer: Customer, user: User, now: datetime) -> Mapping[str, Any] | None:
    """What stands against each of their addresses; and for who records consent, their own page of choices."""
    return {
        "lines": standing.all_lines_of(customer),
        "preferences": links.preferences_url(customer.public_id) if may(user, "consents.record") else "",
        "back": reverse("crm:customer_consents", args=[customer.public_id]),
    }


add_panel(Panel("addresses", "messaging/customer_addresses.html", addresses_card, zone="consents", order=10))


def _title(message: Message, shop: Shop) -> str:
    return message.template.name if message.template else in_short(message, shop)[:60]


@upcoming_source("messages")
def messages_to_come(customer: Customer, now: datetime) -> Iterable[UpcomingItem]:
    """What waits in the outbox for its time."""
    waiting = standing.waiting_messages(customer, now)
    if not waiting:
        return []
    shop = Shop.current()
    return [
        UpcomingItem(
            at=message.due_at,
            title=_t("%(channel)s: %(message)s")
            % {"channel": message.get_channel_display(), "message": _title(message, shop)},
            url=message.get_absolute_url(),
            why=" · ".join(part for part in (causes.in_words(message.cause), str(message.reason_label)) if part),
            icon="send",
        )
        for message in waiting
    ]
