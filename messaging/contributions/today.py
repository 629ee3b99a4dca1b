"""What waits for somebody to act, as far as messages go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.access.contacts import name_for
from crm.extensions import DashboardCard, WorkItem, WorkSection, add_dashboard_card, add_work_section
from crm.lib.paging import first_few
from crm.models import User
from messaging.models import InboundMessage, Message
from messaging.selectors import trouble

DAY = timedelta(days=1)


def unclear_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    found, total = first_few(trouble.unclear(user), limit)
    return [_message(message, user, at=message.unknown_at or message.queued_at) for message in found], total


def failed_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    found, total = first_few(trouble.failed_since(user, now - DAY), limit)
    return [_message(message, user, at=message.ended_at, tone="bad") for message in found], total


def stop_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    found, total = first_few(trouble.perhaps_stop(user), limit)
    return [_inbound(text, user) for text in found], total


def halts(user: User, now: datetime) -> Mapping[str, Any] | None:
    """What keeps messages from going out; no card while nothing does."""
    found = trouble.halts()
    return {"halts": found} if found else None


def _message(message: Message, user: User, *, at: datetime | None, tone: str = "") -> WorkItem:
    words = message.template.name if message.template else message.subject or message.body
    reason = str(message.reason_label)
    return WorkItem(
        title=_t("%(channel)s to %(name)s")
        % {"channel": message.get_channel_display(), "name": name_for(message.customer, user)},
        url=message.get_absolute_url(),
        detail=" · ".join(part for part in (reason, words[:60]) if part),
        at=at,
        tone=tone,
    )


def _inbound(text: InboundMessage, user: User) -> WorkItem:
    return WorkItem(
        title=(text.body or text.subject)[:80],
        url=text.get_absolute_url(),
        detail=name_for(text.customer, user) if text.customer else _t("Somebody unknown"),
        at=text.received_at,
    )


SECTIONS = (
    WorkSection(
        "perhaps-stop", _("Do they want us to stop?"), stop_items, "messages.send",
        empty=_("No text is in doubt."), order=25,
    ),
    WorkSection(
        "unclear", _("Messages nobody knows about"), unclear_items, "messages.send",
        empty=_("What became of every message is known."), url="messaging:message_unclear", order=60,
    ),
    WorkSection(
        "failed", _("Messages that failed since yesterday"), failed_items, "settings.shop",
        empty=_("No message failed since yesterday."), url="messaging:message_failed", order=70,
    ),
)  # fmt: skip
for section in SECTIONS:
    add_work_section(section)
add_dashboard_card(DashboardCard("halts", "messaging/halts.html", halts, "messages.send", order=10))
