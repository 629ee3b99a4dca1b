"""Promotions: the list, the page of one with its codes, the editor; codes redeemed and made void by staff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import shop_of, staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.promotions import CodesForm, PromotionForm, RedeemForm
from crm.lib.csv_files import csv_file
from crm.lib.htmx import render_page
from crm.lib.paging import Sort
from crm.models import Coupon, Customer, Promotion
from crm.models.coupon import STATES
from crm.rules import Fault, InvalidRule
from crm.rules.words import in_words
from crm.selectors.promotions import results_of, standing
from crm.services import coupons, identities, promotions
from crm.services.counter import SOURCE
from crm.views import rules
from crm.views.parts import choice_of, done, found, next_url, page_of, posted, refused

NEWEST_FIRST = Sort("created_at")
LATEST = Sort("id")


@require_GET
@staff_required("promotions.view")
def promotion_list(request: HttpRequest) -> HttpResponse:
    """Every promotion, what it gives, and how often it was redeemed."""
    now = timezone.now()
    page = page_of(request, Promotion.objects.annotate(given=Count("coupons")), NEWEST_FIRST)
    rows = [(promotion, promotion.refuses(now)) for promotion in page.rows]
    return render_page(request, "crm/promotion_list.html", {"page": page, "rows": rows})


@require_GET
@staff_required("promotions.view")
def promotion_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """What it gives, to whom, what came of it, and its codes."""
    promotion = get_object_or_404(Promotion, slug=slug)
    now = timezone.now()
    state = choice_of(request, "state", _("State"), list(STATES.items()))
    visible = Customer.objects.visible_to(staff_of(request)).values("pk")
    codes = promotion.coupons.filter(Q(customer=None) | Q(customer__in=visible)).select_related("customer")
    if state.value:
        codes = codes.in_state(state.value, now)
    if request.GET.get("as") == "csv":
        return _as_csv(promotion, codes, now)
    page = page_of(request, codes, LATEST)
    context: dict[str, Any] = {
        "promotion": promotion,
        "refuses": promotion.refuses(now),
        "results": results_of(promotion),
        "words": in_words(promotion.audience),
        "page": page,
        "codes": standing(page.rows, now),
        "choices": [state],
        "state": state,
        "codes_form": CodesForm(),
    }
    return render_page(request, "crm/promotion_detail.html", context)


def _as_csv(promotion: Promotion, codes: QuerySet[Coupon], now: datetime) -> HttpResponse:
    """The codes to take away, oldest first. Customers go by their ids: a file knows no roles."""
    headers = [
        _("Code"), _("State"), _("Customer"), _("Given on"), _("Good until"), _("Redeemed on"),
        _("Source of the order"), _("Order number"), _("Through"),
    ]  # fmt: skip
    table = (
        [
            coupon.code, STATES[coupon.state(now)], coupon.customer and coupon.customer.public_id,
            _moment(coupon.issued_at), _moment(coupon.expires_at), _moment(coupon.redeemed_at), coupon.purchase_source,
            coupon.purchase_reference, coupon.redeemed_through,
        ]
        for coupon in codes.order_by("pk").iterator(chunk_size=2000)
    )  # fmt: skip
    return csv_file(f"codes-{promotion.slug}", headers, table)


def _moment(at: datetime | None) -> str | None:
    return timezone.localtime(at).isoformat(timespec="seconds") if at else None


@require_http_methods(["GET", "POST"])
@staff_required("promotions.edit")
def promotion_create(request: HttpRequest) -> HttpResponse:
    form = PromotionForm(posted(request), initial={"audience": "{}"})
    faults: Sequence[Fault] = ()
    if request.method == "POST" and form.is_valid():
        try:
            fields = form.said(shop_of(request).currency, rules.read(form.cleaned_data["audience"]))
            promotion = promotions.create_promotion(
                fields=fields, slug=form.cleaned_data["slug"], actor=staff_of(request), now=timezone.now()
            )
        except (promotions.InvalidPromotion, InvalidRule) as error:
            faults = _refuse(form, error)
        else:
            return done(request, _("“%(name)s” is ready.") % {"name": promotion}, promotion.get_absolute_url())
    return _editor(request, form, faults)


@require_http_methods(["GET", "POST"])
@staff_required("promotions.edit")
def promotion_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything but its slug, by which flows speak of it."""
    promotion = get_object_or_404(Promotion, slug=slug)
    initial = PromotionForm.initial_of(promotion) | {"audience": rules.as_text(promotion.audience)}
    form = PromotionForm(posted(request), initial=initial)
    del form.fields["slug"]
    faults: Sequence[Fault] = ()
    if request.method == "POST" and form.is_valid():
        try:
            currency = promotion.currency or shop_of(request).currency
            promotions.edit_promotion(promotion, form.said(currency, rules.read(form.cleaned_data["audience"])))
        except (promotions.InvalidPromotion, InvalidRule) as error:
            faults = _refuse(form, error)
        else:
            return done(request, _("Saved."), promotion.get_absolute_url())
    return _editor(request, form, faults, promotion)


def _refuse(form: PromotionForm, error: promotions.InvalidPromotion | InvalidRule) -> Sequence[Fault]:
    """Faults of the audience stand in the builder, everything else beside its field."""
    if isinstance(error, promotions.InvalidPromotion) and error.field != "audience":
        refuse(form, error)
        return ()
    form.add_error("audience", _("This rule cannot be used yet."))
    return error.faults


def _editor(
    request: HttpRequest, form: PromotionForm, faults: Sequence[Fault], promotion: Promotion | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "promotion": promotion,
        "currency": (promotion and promotion.currency) or shop_of(request).currency,
        "builder": rules.builder("audience", form["audience"].value() or "{}", faults),
    }
    return render(request, "crm/promotion_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("promotions.edit")
def promotion_codes(request: HttpRequest, slug: str) -> HttpResponse:
    """Make codes to print or to hand to a partner."""
    promotion = get_object_or_404(Promotion, slug=slug)
    form = CodesForm(request.POST)
    if not form.is_valid():
        return refused(request, str(form.errors["count"][0]), promotion.get_absolute_url())
    made = coupons.create_codes(promotion, form.cleaned_data["count"], now=timezone.now())
    return done(request, _("%(n)s codes are made.") % {"n": len(made)}, promotion.get_absolute_url())


@require_POST
@staff_required("coupons.void")
def coupon_void(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a code out of use."""
    visible = Customer.objects.visible_to(staff_of(request)).values("pk")
    rows = Coupon.objects.filter(Q(customer=None) | Q(customer__in=visible)).select_related("promotion")
    coupon = found(rows, public_id)
    url = next_url(request, coupon.promotion.get_absolute_url())
    try:
        coupons.void(coupon, actor=staff_of(request), now=timezone.now())
    except coupons.Refused as error:
        return refused(request, error.words, url)
    return done(request, _("%(code)s is void.") % {"code": coupon.code}, url)


@require_http_methods(["GET", "POST"])
@staff_required("coupons.redeem")
def coupon_redeem(request: HttpRequest) -> HttpResponse:
    """A code at the counter: redeemed once, for whom it was given to or for who brings it."""
    form = RedeemForm(posted(request), initial={"code": request.GET.get("code", "")})
    if request.method == "POST" and form.is_valid():
        coupon = _redeemed(request, form)
        if coupon:
            said = _("%(code)s is redeemed: %(value)s for %(name)s.") % {
                "code": coupon.code, "value": coupon.promotion.value, "name": coupon.customer,
            }  # fmt: skip
            return done(request, said, reverse("crm:coupon_redeem"))
    return render(request, "crm/coupon_redeem.html", {"form": form}, status=422 if form.errors else 200)


def _redeemed(request: HttpRequest, form: RedeemForm) -> Coupon | None:
    """The coupon, redeemed; None when the form says what stands in the way."""
    said = form.cleaned_data
    try:
        coupon = coupons.find(said["code"])
        customer = _customer(request, form, coupon)
        if customer is None:
            return None
        return coupons.redeem(
            coupon.code, customer=customer, now=timezone.now(), through=SOURCE, actor=staff_of(request),
            purchase=(SOURCE, said["order"]) if said["order"] else None,
        )  # fmt: skip
    except coupons.Refused as error:
        form.add_error("code", error.words)
        return None


def _customer(request: HttpRequest, form: RedeemForm, coupon: Coupon) -> Customer | None:
    """Who redeems it, among those the reader may see."""
    visible = Customer.objects.visible_to(staff_of(request))
    who = form.cleaned_data["who"].strip()
    if not who:
        customer = visible.filter(pk=coupon.customer_id).first() if coupon.customer_id else None
        if customer is None:
            form.add_error("who", _("This code was given to nobody in person: say who brings it."))
        return customer
    try:
        named = identities.clean(email=who) if "@" in who else identities.clean(phone=who)
    except identities.InvalidIdentity as error:
        form.add_error("who", capfirst(error.message))
        return None
    (known,) = identities.find_many([named])
    customer = visible.filter(pk=known).first() if known else None
    if customer is None:
        form.add_error("who", _("There is no such customer yet: add them first."))
    return customer
