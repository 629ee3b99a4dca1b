"""How a message, its state and its address are written on every page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.context import Context
from django.utils.functional import Promise
from django.utils.html import urlize as linked
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from crm.lib.masks import mask_email, mask_phone, mask_text, readable_phone
from crm.models import Channel, Shop
from messaging.channels import names
from messaging.channels.base import News
from messaging.channels.reasons import Reason, label_of
from messaging.forms.templates import PARTS
from messaging.models import Message
from messaging.selectors import causes, log
from messaging.selectors.library import Tried
from messaging.selectors.prices import Prices, in_money
from messaging.selectors.reading import Reading, in_short
from messaging.texts import sms
from messaging.texts.sms import Measure

register = template.Library()
ICONS = {Channel.SMS: "device", Channel.EMAIL: "envelope", Channel.LINE: "chat"}
# What became of a message, at a glance.
MARKS = {
    "queued": "clock", "held": "pause", "sending": "send", "unclear": "help", "sent": "check", "delivered": "check",
    "failed": "alert", "withheld": "pause", "cancelled": "cross",
}  # fmt: skip

STEPS = {
    "queued": _("queued"), "cleared": _("cleared to go"), "wire": _("handed over"), "sent": _("sent"),
    "unknown": _("answer lost"), "delivered": _("delivered"), "ended": _("ended"), "due": _("next try"),
}  # fmt: skip
NEWS = {
    News.SENT: _("on its way"), News.DELIVERED: _("delivered"), News.UNDELIVERED: _("not delivered"),
    News.BLOCKED: _("the recipient blocks adverts"), News.UNKNOWN_ADDRESS: _("no such address"),
    News.COMPLAINED: _("marked as spam"), News.UNSUBSCRIBED: _("unsubscribed"),
    News.OPENED: _("opened, or fetched by a machine"), News.CLICKED: _("a link followed, or fetched by a machine"),
}  # fmt: skip
TALLIES = {
    "queued": _("queued"), "sent": _("sent"), "delivered": _("delivered"), "failed": _("failed"),
    "unclear": _("unclear"), "withheld": _("withheld"), "cancelled": _("cancelled"), "clicked": _("clicked"),
    "reached": _("did what was hoped for"),
}  # fmt: skip


# What somebody may do about it, where that is not plain from the reason.
REMEDIES: Mapping[str, str | Promise] = {
    Reason.UNREACHABLE: _("Ask for one, and enter it on the customer's page."),
    Reason.SUPPRESSED: _("Settings, Suppressed addresses, says since when and why."),
    Reason.NO_CONSENT: _("When they say yes, record it on the customer's page: from then on messages go out."),
    Reason.COMPLAINT: _("They go out again once the complaint is settled."),
    Reason.NO_TEMPLATE: _("Publish a version of the template for this channel."),
    Reason.TEMPLATE_ERROR: _("Mend the template, or complete the customer's record."),
    Reason.REFUSED: _("Nothing is tried again. Compare the text and the sender with what the provider allows."),
    Reason.UNKNOWN_ADDRESS: _("Nothing more is sent there. Ask the customer for another address."),
    Reason.BLOCKED: _("No more marketing goes there. Ask the customer to lift the block, or write by another channel."),
    Reason.UNDELIVERED: _("Try another channel, or call."),
    Reason.NOT_CONNECTED: _("It is tried again by itself. Settings, Channels, says how the provider fares."),
    Reason.ACCOUNT_REFUSED: _("Somebody has to look at Settings, Channels: the provider refuses our credentials."),
    Reason.TOO_MANY_ATTEMPTS: _("Nothing is tried again. Write anew, or by another channel."),
}


@register.filter
def remedy(message: Message) -> str:
    """What somebody may do about the reason it did not arrive; "" where there is nothing to do."""
    return str(REMEDIES.get(message.reason, ""))


@register.filter
def provider_name(provider: str) -> str:
    return names.name_of(provider)


@register.filter
def view_of(message: Message) -> log.View:
    """Its state as the log groups it: `.key`, `.label`, `.tone`."""
    return log.view_of(message)


@register.filter
def mark_of(message: Message) -> str:
    """The icon of its state."""
    return MARKS[log.view_of(message).key]


@register.filter
def channel_icon(channel: str) -> str:
    """The icon of a channel."""
    return ICONS[Channel(channel)]


@register.simple_tag
def share(part: int, whole: int) -> str:
    """`part` of `whole` in percent, to a tenth where that says something: "99.8%"; "–" of nothing."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent == round(percent) else f"{percent:.1f}%"


@register.filter
def channel_name(channel: str) -> str | Promise:
    """ "sms" → "SMS"."""
    return Channel(channel).label


@register.simple_tag(takes_context=True)
def reached_at(context: Context, channel: str, address: str) -> str:
    """An address as far as the reader may see it; a LINE id, which tells nobody anything, by its ends."""
    if channel == Channel.LINE and len(address) > 12:
        return f"{address[:5]}…{address[-4:]}"
    if "contacts.reveal" in context["may"]:
        return readable_phone(address) if channel == Channel.SMS else address
    return {Channel.SMS: mask_phone, Channel.EMAIL: mask_email}.get(Channel(channel), mask_text)(address)


@register.filter
def because(message: Message) -> str:
    """What caused it, in words."""
    return causes.in_words(message.cause)


@register.filter
def first_words(message: Message, shop: Shop) -> str:
    """What it says, or will say, in one line."""
    return in_short(message, shop) or str(_("(no text)"))


@register.filter
def said(text: Any) -> SafeString:
    """A text as its reader sees it: nothing but its addresses on the web made into links, which open elsewhere."""
    return mark_safe(linked(str(text), nofollow=True, autoescape=True).replace("<a ", '<a target="_blank" '))


@register.filter
def segments(count: int) -> str:
    """ "2 segments"; "" for none."""
    return ngettext("%(n)s segment", "%(n)s segments", count) % {"n": count} if count else ""


@register.filter
def cost(micros: int, currency: str) -> str:
    """What it costs, from millionths: 700000|cost:"THB" → "0.70 THB"."""
    return in_money(micros, currency)


@register.simple_tag(takes_context=True)
def price_of_segments(context: Context, count: int) -> str:
    """What so many segments cost to a number of the shop's own country; "" where the table has no price for it."""
    seen = context.render_context
    if "prices" not in seen:
        seen["prices"] = Prices.current()
    shop = context["shop"]
    micros: int = seen["prices"].per_segment(shop.country) * count
    return in_money(micros, shop.currency) if micros else ""


@register.filter
def step_name(key: str) -> str | Promise:
    """What a step of a message's passage is called."""
    return STEPS[key]


@register.filter
def news_name(news: str) -> str | Promise:
    """What a receipt reports, in words."""
    return NEWS[News(news)]


@register.filter
def outcome_name(outcome: str) -> str | Promise:
    """How a call to a provider ended, in words."""
    if not outcome:
        return _("no answer: the worker was stopped")
    return _("accepted") if outcome == "accepted" else label_of(outcome)


@register.filter
def receipt_button(news: str) -> str | Promise:
    """What the button says that plays this receipt."""
    return {"delivered": _("Delivered"), "undelivered": _("Undelivered"), "blocked": _("Blocked")}[news]


@register.filter
def part_name(part: str) -> str | Promise:
    """What a part of a template is called."""
    return PARTS[part]


@register.filter
def as_read(tried: Tried, channel: str) -> Reading:
    """A text that was tried, as its reader would see it."""
    letter = tried.letter
    return Reading(channel, letter.body, letter.subject, letter.html, letter.language) if letter else Reading(channel)


@register.filter
def measured(tried: Tried) -> Measure | None:
    """What it takes as SMS."""
    return sms.measure(tried.letter.body) if tried.letter else None


@register.filter
def tally_name(key: str) -> str | Promise:
    """What a number of a broadcast counts, in words; "" for all of its messages."""
    return TALLIES.get(key, "")
