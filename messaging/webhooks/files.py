"""Files that staff sent, behind signed addresses: for whoever has the message, and for LINE, which shows pictures."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from crm.lib.downloads import to_save, to_show
from crm.models import TicketAttachment, TicketMessage
from messaging.rendering.file_links import read_file
from messaging.rendering.links import BadLink
from messaging.webhooks.public import bad_link

# Pictures that browsers draw and that run nothing, whatever is in them.
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


@never_cache
@require_http_methods(["GET", "HEAD"])
def hand_out(request: HttpRequest, token: str) -> HttpResponseBase:
    """Hand out the file of a reply; one that came from a customer, or is on an internal note, has no such address."""
    try:
        row = _sent(read_file(token, now=timezone.now()))
        give = to_show if row.content_type in SHOWN else to_save
        return give(row.file, name=row.name, content_type=row.content_type)
    except (BadLink, Http404, TicketAttachment.DoesNotExist):
        return bad_link(request)


def _sent(public_id: UUID) -> TicketAttachment:
    sent = TicketAttachment.objects.filter(message__author=TicketMessage.Author.STAFF).exclude(file="")
    return sent.get(public_id=public_id)
