"""
The pages behind the links in our messages: no sign-in, no cookie, no CSRF token; the signed link is the authority.

Reading a page changes nothing, since mail scanners follow links. One click is a POST (RFC 8058) and always gets a 200.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from crm.lib import masks, rates
from crm.lib.clients import address_of as ip_of
from crm.models import Channel, Customer, Shop
from messaging.inbound import preferences as wishes
from messaging.inbound.preferences import Choice, Visitor
from messaging.models import Message
from messaging.outbox.addresses import address_of
from messaging.rendering import links

BAD_LINKS_PER_MINUTE = 20
NOTHING = "nothing"  # the button that opts out of all marketing


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One-click unsubscribe. GET shows a button; POST opts out, whatever its body, and is harmless to repeat."""
    message = _message(token)
    if request.method == "POST":
        if message:
            wishes.unsubscribe(message, now=timezone.now(), visitor=_visitor(request))
        return _page("unsubscribed", message.customer if message else None, message=message)
    if message is None:
        return bad_link(request)
    return _page("unsubscribe", message.customer, message=message)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """The preference centre: what to write about, on which channel."""
    customer = _customer(token)
    if customer is None:
        return bad_link(request)
    saved = request.method == "POST"
    if saved:
        wanted = set(request.POST)
        if NOTHING in wanted:
            wanted = {row.name for row in wishes.choices(customer) if row.chosen and not row.topic.is_marketing}
        with translation.override(_language(customer)):
            wording = _("Which messages may we send you?")
        wishes.choose(customer, wanted, wording=wording, now=timezone.now(), visitor=_visitor(request))
    return _page("preferences", customer, groups=_groups(customer), saved=saved, nothing=NOTHING)


def _message(token: str) -> Message | None:
    try:
        public_id: uuid.UUID = links.read_unsubscribe(token)
    except links.BadLink:
        return None
    return Message.objects.select_related("customer", "topic", "template").filter(public_id=public_id).first()


def _customer(token: str) -> Customer | None:
    try:
        public_id = links.read_preferences(token)
    except links.BadLink:
        return None
    found = Customer.objects.select_related("merged_into").filter(public_id=public_id, erased_at=None).first()
    return found and (found.merged_into or found)


def _groups(customer: Customer) -> list[dict[str, Any]]:
    """The choices by channel, under an address that only its owner can make out."""
    by_channel: dict[Channel, list[Choice]] = {}
    for choice in wishes.choices(customer):
        by_channel.setdefault(choice.channel, []).append(choice)
    return [
        {"channel": channel, "address": _masked(channel, address_of(customer, channel)), "choices": found}
        for channel, found in by_channel.items()
    ]


def _masked(channel: Channel, address: str) -> str:
    mask = {Channel.SMS: masks.mask_phone, Channel.EMAIL: masks.mask_email}.get(channel, masks.mask_text)
    return mask(address)


def _visitor(request: HttpRequest) -> Visitor:
    return Visitor(ip=ip_of(request) or None, user_agent=request.headers.get("User-Agent", "")[:200])


def bad_link(request: HttpRequest) -> HttpResponse:
    """The same page for every bad link, and none at all for somebody who tries many."""
    allowance = rates.take(f"bad-link:{ip_of(request)}", limit=BAD_LINKS_PER_MINUTE, now=timezone.now())
    if not allowance.allowed:
        return _page("bad_link", None, status=429, headers={"Retry-After": str(allowance.reset)})
    return _page("bad_link", None, status=404)


def expired_link() -> HttpResponse:
    """The page of a link that was good once."""
    return _page("expired_link", None, status=410)


def _page(
    name: str, customer: Customer | None, *, status: int = 200, headers: dict[str, str] | None = None, **context: Any
) -> HttpResponse:
    """Rendered without the request: nothing on it depends on who is signed in, and nothing sets a cookie."""
    shop = Shop.current()
    language = _language(customer)
    with translation.override(language):
        html = render_to_string(f"messaging/public/{name}.html", {"shop": shop, "language": language, **context})
    return HttpResponse(html, status=status, headers={"Content-Language": language, **(headers or {})})


def _language(customer: Customer | None) -> str:
    """Theirs if we speak it, else what the browser asks for."""
    theirs = customer.language.partition("-")[0] if customer else ""
    return theirs if theirs in dict(settings.LANGUAGES) else translation.get_language() or settings.LANGUAGE_CODE
