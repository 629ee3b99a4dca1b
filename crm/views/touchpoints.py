"""Touchpoints: where people first meet the shop; their short links, QR codes and visits."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID, uuid4

import segno
from django.conf import settings
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from crm.access.guards import shop_of, staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.touchpoints import TouchpointForm
from crm.lib.htmx import render_page
from crm.lib.money import Money
from crm.lib.paging import Sort
from crm.models import Touchpoint
from crm.selectors.reach import came_through, visits_per_day
from crm.services import touchpoints
from crm.views.parts import choice_of, done, found, page_of, posted

VISITOR_COOKIE = "waymark_visitor"
VISITOR_DAYS = 390  # browsers keep no cookie longer than 400 days
CHART_DAYS = 30
NEWEST_FIRST = Sort("created_at")


@require_GET
@staff_required("touchpoints.view")
def touchpoint_list(request: HttpRequest) -> HttpResponse:
    """Every place people meet us, with who came through it."""
    kind = choice_of(request, "kind", _("Kind"), Touchpoint.Kind.choices)
    rows = Touchpoint.objects.annotate(
        visited=Count("visits", filter=Q(visits__is_bot=False)),
        people=Count("visits__customer", filter=Q(visits__is_bot=False), distinct=True),
    )
    if kind.value:
        rows = rows.filter(kind=kind.value)
    page = page_of(request, rows, NEWEST_FIRST)
    return render_page(request, "crm/touchpoint_list.html", {"page": page, "kind": kind, "choices": [kind]})


@require_http_methods(["GET", "POST"])
@staff_required("touchpoints.edit")
def touchpoint_create(request: HttpRequest) -> HttpResponse:
    form = TouchpointForm(posted(request))
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        cost, currency = fields.pop("cost"), shop_of(request).currency
        if cost is not None:
            fields |= {"cost_minor": Money.of(cost, currency).minor, "currency": currency}
        try:
            touchpoint = touchpoints.create_touchpoint(**fields)
        except touchpoints.InvalidTouchpoint as error:
            refuse(form, error)
        else:
            url = reverse("crm:touchpoint_detail", args=[touchpoint.public_id])
            return done(request, _("“%(name)s” has its link.") % {"name": touchpoint}, url)
    return render(request, "crm/touchpoint_new.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@staff_required("touchpoints.view")
def touchpoint_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Its link and QR code to use, and who came."""
    touchpoint = found(Touchpoint.objects.all(), public_id)
    now = timezone.now()
    people = touchpoint.visits.filter(is_bot=False).aggregate(
        visits=Count("pk"), customers=Count("customer", distinct=True), unknown=Count("pk", filter=Q(customer=None))
    )
    cost = Money(touchpoint.cost_minor, touchpoint.currency) if touchpoint.cost_minor is not None else None
    context: dict[str, Any] = {
        "touchpoint": touchpoint,
        "people": people,
        "robots": touchpoint.visits.filter(is_bot=True).count(),
        "cost": cost,
        "cost_each": Money(cost.minor // people["customers"], cost.currency) if cost and people["customers"] else None,
        "chart": visits_per_day(touchpoint, now=now, days=CHART_DAYS),
        "customers": came_through(touchpoint, staff_of(request)),
        "qr": mark_safe(_qr(touchpoint.short_url, "svg").decode()),
    }
    return render(request, "crm/touchpoint_detail.html", context)


@require_GET
@staff_required("touchpoints.view")
def touchpoint_qr(request: HttpRequest, public_id: UUID, kind: str) -> HttpResponse:
    """The QR code as a file to print: SVG for the printer's shop, PNG for everything else."""
    touchpoint = found(Touchpoint.objects.all(), public_id)
    content_type = {"svg": "image/svg+xml", "png": "image/png"}.get(kind)
    if content_type is None:
        raise Http404
    response = HttpResponse(_qr(touchpoint.short_url, kind, standalone=True), content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{touchpoint.code}.{kind}"'
    return response


def _qr(url: str, kind: str, *, standalone: bool = False) -> bytes:
    out = io.BytesIO()
    code = segno.make_qr(url, error="m")
    if kind == "png":
        code.save(out, kind="png", scale=16)
    else:
        code.save(out, kind="svg", xmldecl=standalone, svgns=standalone, omitsize=True, title=url)
    return out.getvalue()


@require_safe
def follow(request: HttpRequest, code: str) -> HttpResponse:
    """
    The public short link: note the visit, go to the landing page.

    A first-party cookie lets a later sign-up tell us whose visit it was. A HEAD request is a look, not a visit.
    """
    touchpoint = Touchpoint.objects.filter(code=code).first()
    if touchpoint is None:
        raise Http404
    visitor = request.COOKIES.get(VISITOR_COOKIE, "")
    if len(visitor) != 32 or not visitor.isalnum() or not visitor.isascii():
        visitor = uuid4().hex
    if request.method == "GET":
        touchpoints.record_visit(
            touchpoint, now=timezone.now(), visitor=visitor, referrer=_printable(request.headers.get("Referer", "")),
            user_agent=_printable(request.headers.get("User-Agent", "")),
        )  # fmt: skip
    response = HttpResponseRedirect(_landing(touchpoint, visitor))
    response.set_cookie(
        VISITOR_COOKIE, visitor, max_age=timedelta(days=VISITOR_DAYS), httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


def _landing(touchpoint: Touchpoint, visitor: str) -> str:
    """The landing page, with the campaign for the shop's own analytics and our visitor id for its sign-up form."""
    parts = urlsplit(touchpoint.url)
    ours = {"utm_source": touchpoint.kind, "utm_medium": "touchpoint", "utm_campaign": touchpoint.campaign}
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    query = {name: value for name, value in ours.items() if value} | given
    query |= {"wm_touchpoint": touchpoint.code, "wm_visitor": visitor}
    return urlunsplit(parts._replace(query=urlencode(query)))


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
