"""Where short links lead: on to what they stand for, with a note of who went there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from crm.lib import rates
from crm.lib.clients import address_of as ip_of
from messaging.models import ShortLink
from messaging.rendering.shortening import LinkRules
from messaging.services import clicks
from messaging.texts.machines import given_away_by
from messaging.webhooks.public import bad_link, expired_link

# More from one address are led on all the same, and leave no note.
NOTED_PER_MINUTE = 60


@never_cache
@require_http_methods(["GET", "HEAD"])
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """
    Lead on, or say that the time of the link is over. Nothing but the note of the click changes: opting out takes a
    button on the page this leads to.
    """
    link = ShortLink.objects.select_related("message__topic", "message__template").filter(token=token).first()
    if link is None:
        return bad_link(request)
    now, ip = timezone.now(), ip_of(request)
    if not link.is_way_out and now >= link.created_at + LinkRules.current().lasting:
        return expired_link()
    if rates.take(f"click:{ip}", limit=NOTED_PER_MINUTE, now=now).allowed:
        caller = clicks.Caller(
            ip=ip,
            user_agent=request.headers.get("User-Agent", ""),
            bot_because=given_away_by(request.method or "", request.headers),
        )
        clicks.note_click(link, caller, now=now)
    return HttpResponseRedirect(link.url, headers={"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"})
