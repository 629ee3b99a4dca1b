"""Purchases: the list, the page of one, and the dates and refunds that staff record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import shop_of, staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.purchases import LineForm, PurchaseForm, RefundForm, StatusForm, line_forms
from crm.lib.htmx import render_page
from crm.lib.money import Money
from crm.lib.paging import Sort, bounded_count
from crm.models import Customer, Product, Purchase
from crm.selectors.search import clean, purchases_matching
from crm.services import counter, purchases
from crm.views.customers import visible as visible_customer
from crm.views.parts import choice_of, done, found, next_url, page_of, posted, refused, sorted_by

Status = Purchase.Status
OFFERED = 200  # products that a browser completes while one types
SORTS = {"newest": Sort("placed_at"), "oldest": Sort("placed_at", descending=False)}
SORT_LABELS = {"newest": gettext_lazy("newest first"), "oldest": gettext_lazy("oldest first")}
LATE = [("now", gettext_lazy("late and under way")), ("ever", gettext_lazy("ever late"))]
# The steps an order takes one after the other, with the field that dates each.
STEPS = (
    (Status.PLACED, "placed_at"),
    (Status.PAID, "paid_at"),
    (Status.SHIPPED, "shipped_at"),
    (Status.DELIVERED, "delivered_at"),
    (Status.COMPLETED, "completed_at"),
)
ACTIONS = {
    Status.PAID: gettext_lazy("Mark as paid"),
    Status.SHIPPED: gettext_lazy("Mark as shipped"),
    Status.DELIVERED: gettext_lazy("Mark as delivered"),
    Status.COMPLETED: gettext_lazy("Mark as completed"),
    Status.CANCELLED: gettext_lazy("Cancel the order"),
}


@require_GET
@staff_required("purchases.view")
def purchase_list(request: HttpRequest) -> HttpResponse:
    """Orders, newest first; by number, customer, status or lateness."""
    query = clean(request.GET.get("q", ""))
    choices = [
        choice_of(request, "status", _("Status"), Status.choices),
        choice_of(request, "late", _("Delivery"), LATE),
    ]
    sort_name, sort = sorted_by(request, SORTS, "newest")
    rows = _narrowed(request, query, status=choices[0].value, late=choices[1].value)
    return render_page(
        request,
        "crm/purchase_list.html",
        {
            "page": page_of(request, rows.select_related("customer"), sort),
            "total": bounded_count(rows),
            "query": query,
            "choices": choices,
            "chosen": [choice for choice in choices if choice.value],
            "sort": sort_name,
            "sorts": SORT_LABELS,
        },
    )


def _narrowed(request: HttpRequest, query: str, *, status: str, late: str) -> QuerySet[Purchase]:
    user, now = staff_of(request), timezone.now()
    rows: QuerySet[Purchase] = Purchase.objects.visible_to(user)
    if late:
        rows = Purchase.objects.visible_to(user).overdue(now) if late == "now" else rows & Purchase.objects.late(now)
    if status:
        rows = rows.filter(status=status)
    return purchases_matching(rows, query) if query else rows


@require_GET
@staff_required("purchases.view")
def purchase_late(request: HttpRequest) -> HttpResponse:
    """Where Today's "all late deliveries" leads."""
    return HttpResponseRedirect(f"{reverse('crm:purchase_list')}?late=now&sort=oldest")


@require_http_methods(["GET", "POST"])
@staff_required("purchases.edit")
def purchase_create(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record what a customer ordered by phone, in a chat or over the counter."""
    customer = visible_customer(request, public_id)
    form, lines = PurchaseForm(posted(request)), line_forms(posted(request))
    if request.method == "POST" and all([form.is_valid(), *(line.is_valid() for line in lines)]):
        sold = [line for line in lines if line.cleaned_data["product"]]
        try:
            purchase = _record(request, customer, form, sold)
        except counter.AlreadyRecorded as error:
            link = format_html('<a href="{}">{}</a>', error.purchase.get_absolute_url(), error.purchase)
            form.add_error("reference", format_html(_("There is an order {} already."), link))
        except counter.PriceMissing as error:
            sold[error.index].add_error("price", _("A price is needed."))
        except purchases.InvalidPurchase as error:
            refuse(form, error)
        else:
            said = _("Order %(number)s is on record.") % {"number": purchase}
            return done(request, said, purchase.get_absolute_url())
    context = {
        "form": form, "lines": lines, "customer": customer, "currency": shop_of(request).currency,
        "products": Product.objects.order_by("-pk").values_list("sku", "name")[:OFFERED],
    }  # fmt: skip
    faulty = bool(form.errors) or any(line.errors for line in lines)
    return render(request, "crm/purchase_new.html", context, status=422 if faulty else 200)


def _record(request: HttpRequest, customer: Customer, form: PurchaseForm, sold: Sequence[LineForm]) -> Purchase:
    said, now = form.cleaned_data, timezone.now()
    lines = [line.cleaned_data for line in sold]
    return counter.record_sale(
        customer=customer, reference=said["reference"], placed_at=said["placed_at"] or now, now=now,
        lines=[counter.Line(line["product"], line["quantity"] or 1, line["price"]) for line in lines],
        total=said["total"], currency=shop_of(request).currency, is_paid=said["state"] == "paid",
        is_taken=said["state"] == "taken", promised_at=said["promised_at"], payment_method=said["payment_method"],
    )  # fmt: skip


def visible(request: HttpRequest, public_id: UUID) -> Purchase:
    return found(Purchase.objects.visible_to(staff_of(request)).select_related("customer"), public_id)


@require_GET
@staff_required("purchases.view")
def purchase_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One order: how far it has come, what is in it, what was given back."""
    return _show(request, visible(request, public_id))


def _show(
    request: HttpRequest,
    purchase: Purchase,
    *,
    status_form: forms.Form | None = None,
    refund_form: forms.Form | None = None,
) -> HttpResponse:
    now = timezone.now()
    left = _left(purchase)
    context: dict[str, Any] = {
        "purchase": purchase,
        "items": list(purchase.items.select_related("product", "purchase").order_by("pk")),
        "refunds": list(purchase.refunds.order_by("refunded_at", "pk")),
        "tickets": list(purchase.tickets.order_by("-opened_at")[:10]),
        "reviews": list(purchase.reviews.order_by("-reviewed_at")[:10]),
        "steps": [{"label": status.label, "at": getattr(purchase, field)} for status, field in STEPS],
        "late": purchase.is_late(now),
        "days_late": purchase.days_late(now),
        "actions": _open_actions(purchase),
        "left": left,
        "status_form": status_form or StatusForm(prefix="status"),
        "refund_form": refund_form or RefundForm(left=left),
    }
    faulty = status_form or refund_form
    return render_page(
        request, "crm/purchase_detail.html", context, partial="record", status=422 if faulty is not None else 200
    )


def _left(purchase: Purchase) -> Money:
    return Money(purchase.total_minor - purchase.refunded_minor, purchase.currency)


def _open_actions(purchase: Purchase) -> list[tuple[str, Any]]:
    """What may still be said of the order: dates it has not got; nothing once it is cancelled or paid back."""
    if purchase.status in (Status.CANCELLED, Status.REFUNDED):
        return []
    return [
        (status.value, label)
        for status, label in ACTIONS.items()
        if getattr(purchase, purchases.DATE_OF[status]) is None
        and not (status == Status.CANCELLED and purchase.delivered_at)
    ]


@require_POST
@staff_required("purchases.edit")
def purchase_status(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Say that the order was paid, shipped, delivered, completed or cancelled."""
    purchase = visible(request, public_id)
    status = request.POST.get("status", "")
    if status not in dict(_open_actions(purchase)):
        raise BadRequest(_("The order cannot become “%(value)s” now.") % {"value": status[:60]})
    form = StatusForm(request.POST, prefix="status")
    now = timezone.now()
    if form.is_valid():
        try:
            purchases.set_status(purchase, status, at=form.cleaned_data["at"] or now, now=now)
        except purchases.InvalidPurchase as error:
            refuse(form, error)
        else:
            said = _("Order %(number)s: %(status)s.") % {"number": purchase, "status": purchase.get_status_display()}
            return done(request, said, purchase.get_absolute_url())
    return _show(request, purchase, status_form=form)


@require_POST
@staff_required("purchases.edit")
def purchase_arrived(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Delivered after all, said on Today in one press."""
    purchase = visible(request, public_id)
    back = next_url(request, reverse("crm:today"))
    if purchase.delivered_at or purchase.cancelled_at:
        return refused(request, _("Somebody else has settled order %(number)s.") % {"number": purchase}, back)
    now = timezone.now()
    purchases.set_status(purchase, Status.DELIVERED, at=now, now=now)
    return done(request, _("Order %(number)s is delivered.") % {"number": purchase}, back)


@require_POST
@staff_required("purchases.edit")
def purchase_refund(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Money given back, in whole or in part."""
    purchase = visible(request, public_id)
    form = RefundForm(request.POST, left=_left(purchase))
    if form.is_valid():
        now = timezone.now()
        try:
            refund = purchases.record_refund(
                customer=purchase.customer, purchase=purchase, source="staff",
                reference=f"{purchase.reference[:80]}-{get_random_string(8)}",
                amount=Money.of(form.cleaned_data["amount"], purchase.currency),
                reason=form.cleaned_data["reason"], refunded_at=now, now=now,
            )  # fmt: skip
        except purchases.InvalidPurchase as error:
            refuse(form, error)
        else:
            return done(request, _("%(amount)s refunded.") % {"amount": refund.amount}, purchase.get_absolute_url())
    return _show(request, purchase, refund_form=form)
