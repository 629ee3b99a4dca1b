"""The page of a broadcast: how far it has come, what came of it, and the messages behind each number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crm.access.guards import shop_of, staff_of, staff_required
from crm.access.roles import may
from crm.lib.csv_files import csv_file
from crm.lib.htmx import render_page
from crm.lib.paging import Sort, bounded_count
from crm.models import Segment
from crm.rules.words import in_words
from crm.views.parts import found, page_of
from messaging.broadcasts import trial
from messaging.channels.reasons import label_of
from messaging.models import Broadcast, BroadcastVariant, Message, Template
from messaging.selectors import broadcasts as results
from messaging.selectors import trouble
from messaging.selectors.broadcasts import Tally
from messaging.selectors.prices import about
from messaging.views.broadcast_changes import may_change

NEWEST_FIRST = Sort("id")
KEYS = (*results.STATES, "clicked", "reached")


@require_GET
@staff_required("broadcasts.view")
def broadcast_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Progress and results; htmx asks for the progress again while it is under way. `?as=csv` is the table."""
    rows = Broadcast.objects.select_related("topic", "created_by", "sent_by", "approved_by", "winner_decided_by")
    broadcast = found(rows, public_id)
    tallies = results.tallies(broadcast)
    if request.GET.get("as") == "csv":
        return _as_csv(broadcast, tallies)
    user = staff_of(request)
    texts = list(broadcast.variants.order_by("number"))
    total = results.total_of(tallies)
    context: dict[str, Any] = {
        "broadcast": broadcast,
        "total": total,
        "rows": [(text, tallies.get(text.number, Tally())) for text in texts],
        "templates": templates_of(broadcast, texts),
        "cost": _cost(broadcast, shop_of(request).currency),
        "rest": tallies.get(0),
        "reasons": [(key, reason, label_of(reason), number) for (key, reason), number in total.reasons.most_common()],
        "standing": results.compare(tallies, broadcast.winner_by) if len(texts) > 1 else None,
        "decided_at": trial.decided_at(broadcast),
        "audience": in_words(broadcast.rule),
        "segment": segment_of(broadcast),
        "card": {"halts": trouble.halts(broadcast.channels) if broadcast.is_under_way else ()},
        "may_change": may_change(user, broadcast),
        "may_approve": may(user, "broadcasts.approve")
        and user.pk not in (broadcast.approval_asked_by_id, broadcast.updated_by_id),
    }
    return render_page(request, "messaging/broadcast_detail.html", context, partial="progress")


@require_GET
@staff_required("broadcasts.view")
def broadcast_behind(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The messages behind a number: `key`, `reason` and `variant` narrow them."""
    broadcast = found(Broadcast.objects.select_related("topic"), public_id)
    key, reason, variant = (request.GET.get(name, "") for name in ("key", "reason", "variant"))
    if (key and key not in KEYS) or "\x00" in reason or (variant and variant not in ("1", "2", "3", "4")):
        raise BadRequest(_("There is no such number of this broadcast."))
    rows = results.rows_behind(broadcast, staff_of(request), key=key, reason=reason[:32], variant=int(variant or 0))
    context = {
        "broadcast": broadcast,
        "page": page_of(request, rows.select_related("customer", "topic", "template"), NEWEST_FIRST),
        "total": bounded_count(rows),
        "key": key,
        "reason": label_of(reason) if reason else "",
        "letter": "ABCD"[int(variant) - 1] if variant else "",
    }
    return render_page(request, "messaging/broadcast_behind.html", context)


def segment_of(broadcast: Broadcast) -> Segment | None:
    """The segment that is its whole audience."""
    slug = broadcast.rule.get("segment")
    return Segment.objects.filter(slug=slug).first() if isinstance(slug, str) and len(broadcast.rule) == 1 else None


def templates_of(broadcast: Broadcast, texts: Sequence[BroadcastVariant]) -> Mapping[str, Template]:
    """The templates that its texts name, by slug, as they are on its first channel."""
    slugs = [text.template for text in texts if text.template]
    known = Template.objects.filter(channel=broadcast.channel, slug__in=slugs) if slugs else ()
    return {template.slug: template for template in known}


def _cost(broadcast: Broadcast, currency: str) -> str:
    """What its messages cost as they left, rounded to coins; "" for nothing."""
    if not broadcast.started_at:
        return ""
    micros = Message.objects.filter(recipient__broadcast=broadcast).aggregate(sum=Sum("cost_micros"))["sum"]
    return about(micros, currency) if micros else ""


def _as_csv(broadcast: Broadcast, tallies: Mapping[int, Tally]) -> HttpResponse:
    names = ("waiting", "queued", "sent", "delivered", "failed", "unclear", "withheld", "cancelled", "left")
    lines = [
        (
            "ABCD"[number - 1] if number else "", tally.people, *(tally.counts[name] for name in names),
            tally.clicked, tally.reached, None,
        )
        for number, tally in tallies.items()
    ]  # fmt: skip
    reasons = [
        ("ABCD"[number - 1] if number else "", count, *(None for _name in names), None, None, reason)
        for number, tally in tallies.items()
        for (_key, reason), count in tally.reasons.most_common()
    ]
    headers = ("variant", "people", *names, "clicked", "reached", "reason")
    return csv_file(f"broadcast-{broadcast.public_id}", headers, [*lines, *reasons])
