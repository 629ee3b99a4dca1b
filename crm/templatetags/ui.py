"""Template tags of the design system: how an icon, a moment, an amount, a person or a mark is written on every page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.http import QueryDict
from django.template.context import Context
from django.template.loader import select_template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.access.contacts import address_for, name_for
from crm.events import types
from crm.lib.masks import mask_email, mask_phone, mask_text, readable_phone
from crm.lib.money import Money
from crm.models import Customer, Purchase

register = template.Library()
RATING = 5
# The ways a ticket comes in that we know by name; a storefront may send others.
WAYS_IN = {
    "sms": gettext_lazy("SMS"),
    "email": gettext_lazy("Email"),
    "line": gettext_lazy("LINE"),
    "web": gettext_lazy("website"),
    "phone": gettext_lazy("phone"),
    "shop": gettext_lazy("in the shop"),
    "review": gettext_lazy("review"),
}
THAI_LEADING_VOWELS = "เแโใไ"


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """The drawing in templates/components/icons/<name>.html; a dot for a name nobody has drawn."""
    drawn = select_template([f"components/icons/{name}.html", "components/icons/dot.html"])
    return mark_safe(str(drawn.render()).strip())


@register.filter
def money(minor: int | None, currency: str) -> str:
    """An amount stored in minor units, e.g. `purchase.total_minor|money:purchase.currency` → "1,290.00 THB"."""
    return "" if minor is None else str(Money(minor, currency))


@register.filter
def way_in(channel: str) -> str:
    """By which way a ticket or a turn of it came: "line" → "LINE"; as it was sent when we have no name for it."""
    return str(WAYS_IN.get(channel, channel))


@register.filter
def stars(rating: int | None) -> SafeString:
    """★★★★☆ with its figure for those who hear the page."""
    if rating is None:
        return format_html('<span class="muted">{}</span>', _("no stars"))
    spoken = ngettext("%(n)s star of 5", "%(n)s stars of 5", rating) % {"n": rating}
    return format_html(
        '<span class="stars" role="img" aria-label="{}">{}<span class="stars-off">{}</span></span>',
        spoken, "★" * rating, "★" * (RATING - rating),
    )  # fmt: skip


@register.filter
def initial(name: str) -> str:
    """What stands in an avatar: the first letter; of a Thai name its first consonant, not the vowel sign before it."""
    letters = name.strip().lstrip(THAI_LEADING_VOWELS)
    return letters[:1].upper() if letters[:1].isalpha() else "·"


@register.simple_tag(takes_context=True)
def person(context: Context, customer: Customer) -> str:
    """What to call a customer before whoever reads the page."""
    return name_for(customer, context["user"])


@register.simple_tag(takes_context=True)
def address(context: Context, customer: Customer) -> str:
    """The best address of a customer, as far as the reader may see it."""
    return address_for(customer, context["user"])


@register.simple_tag(takes_context=True)
def contact(context: Context, value: Any, kind: str) -> str:
    """
    A phone number, email address or other id as far as the reader may see it.

    `kind` is "phone", "email" or "id".
    """
    text = str(value or "")
    if "contacts.reveal" in context["may"]:
        return readable_phone(text) if kind == "phone" else text
    return {"phone": mask_phone, "email": mask_email, "id": mask_text}[kind](text)


@register.simple_tag(takes_context=True)
def when(context: Context, at: datetime | date | None, style: str = "") -> SafeString:
    """
    A moment in the shop's time, exact on hover and in the markup.

    `style`: "" is short ("14:05", "3 Mar", "3 Mar 2024", whichever says enough), "ago" is relative ("2 hours ago",
    "in 3 days"), "day" only the date, "time" only the time, "full" both.
    """
    if at is None:
        return mark_safe("")
    if not isinstance(at, datetime):
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), date_format(at, "j M Y"))
    now = context.get("now") or timezone.now()
    local = timezone.localtime(at)
    text = relative(at, now) if style == "ago" else _written(local, timezone.localtime(now), style)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), date_format(local, "l j F Y, H:i"), text
    )


def _written(local: datetime, today: datetime, style: str) -> str:
    if style == "time":
        return date_format(local, "H:i")
    day = date_format(local, "j M" if local.year == today.year else "j M Y")
    if style == "day":
        return day
    if style == "full":
        return f"{day}, {date_format(local, 'H:i')}"
    return date_format(local, "H:i") if local.date() == today.date() else day


def relative(at: datetime, now: datetime) -> str:
    """How long ago or how soon, in one unit: "5 minutes ago", "in 2 days"."""
    gap = abs(now - at)
    if gap < timedelta(minutes=1):
        return _("just now") if at <= now else _("in a moment")
    if gap < timedelta(hours=1):
        n = gap // timedelta(minutes=1)
        length = ngettext("%(n)s minute", "%(n)s minutes", n) % {"n": n}
    elif gap < timedelta(days=1):
        n = gap // timedelta(hours=1)
        length = ngettext("%(n)s hour", "%(n)s hours", n) % {"n": n}
    elif gap < timedelta(days=60):
        n = gap.days
        length = ngettext("%(n)s day", "%(n)s days", n) % {"n": n}
    else:
        n = gap.days // 30
        length = ngettext("%(n)s month", "%(n)s months", n) % {"n": n}
    return (_("%(length)s ago") if at <= now else _("in %(length)s")) % {"length": length}


@register.filter
def atmost(count: int, most: int) -> str:
    """A count that was taken only so far: 99 → "99", 100 → "99+"."""
    return str(count) if count <= most else f"{most}+"


@register.filter
def tone_of(customer: Customer) -> str:
    """The colour of a customer's avatar: any, but always the same."""
    return f"t-{customer.pk % 6 + 1}"


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """`mapping[key]`, or None."""
    return mapping.get(key) if mapping else None


@register.simple_tag(takes_context=True)
def querystring_without(context: Context, *names: str) -> str:
    """The page's query without these parameters and without its place in the list."""
    query: QueryDict = context["request"].GET.copy()
    for name in (*names, "page"):
        query.pop(name, None)
    return f"?{query.urlencode()}" if query else context["request"].path


@register.filter
def language_name(code: str) -> str:
    """ "th" → "Thai", in the reader's language."""
    return str(dict(settings.LANGUAGES).get(code, code))


@register.simple_tag(takes_context=True)
def late_by(context: Context, purchase: Purchase) -> str:
    """How late an order is or was delivered, in words; "" when in time."""
    now = context["now"]
    if not purchase.is_late(now):
        return ""
    days = purchase.days_late(now)
    return ngettext("%(n)s day late", "%(n)s days late", days) % {"n": days} if days else _("less than a day late")


@register.simple_tag
def event_label(name: str) -> str:
    """What an event is called in the timeline."""
    return str(types.get(name).label)


@register.filter
def last_line(text: str) -> str:
    """The end of a trace, which says what went wrong."""
    return text.strip().rsplit("\n", 1)[-1]


@register.simple_tag
def days_of(length: timedelta) -> str:
    """A length of time in whole days, or hours when it is short."""
    if length < timedelta(days=1):
        hours = length // timedelta(hours=1)
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    return ngettext("%(n)s day", "%(n)s days", length.days) % {"n": length.days}


@register.filter
def spaced(key: str) -> str:
    """A program's name for something as people write it: "shoe_size" → "shoe size"."""
    return key.replace("_", " ").strip()
