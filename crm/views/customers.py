"""Customers: the list, the page of one, and what is changed on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import reswap, retarget

from crm import extensions
from crm.access.contacts import name_for
from crm.access.guards import shop_of, staff_of, staff_required
from crm.access.roles import may
from crm.forms.base import refuse
from crm.forms.customers import FIELD_LABELS, CustomerForm, TagForm, field_form
from crm.lib.htmx import render_page, wants
from crm.lib.masks import mask_email, mask_phone, mask_text, readable_phone
from crm.lib.paging import InvalidCursor, Sort, bounded_count
from crm.lib.zones import zone
from crm.models import Customer, Identity, User
from crm.selectors.record import record_cards
from crm.selectors.search import clean
from crm.selectors.timeline import CATEGORIES, timeline
from crm.services import customers
from crm.views.parts import Choice, choice_of, done, found, page_of, posted, refused, sorted_by

SORTS = {
    "seen": Sort("last_seen_at", nullable=True),
    "newest": Sort("created_at"),
    "name": Sort("name", descending=False),
}
SORT_LABELS = {
    "seen": gettext_lazy("last sign of life"),
    "newest": gettext_lazy("newest first"),
    "name": gettext_lazy("name"),
}


@require_GET
@staff_required("customers.view")
def customer_list(request: HttpRequest) -> HttpResponse:
    """Search, filters, order and rows; htmx swaps the rows."""
    user = staff_of(request)
    query = clean(request.GET.get("q", ""))
    choices = [choice_of(request, f.param, f.label, f.choices(user)) for f in extensions.list_filters()]
    sort_name, sort = sorted_by(request, SORTS, "seen")
    rows = _narrowed(user, query, choices)
    page = page_of(request, rows.select_related("owner").prefetch_related("tags"), sort)
    columns = extensions.list_columns()
    return render_page(
        request,
        "crm/customer_list.html",
        {
            "page": page,
            "cells": [(column, column.values(page.rows)) for column in columns],
            "total": bounded_count(rows),
            "query": query,
            "choices": choices,
            "chosen": [choice for choice in choices if choice.value],
            "sort": sort_name,
            "sorts": SORT_LABELS,
        },
    )


def _narrowed(user: User, query: str, choices: list[Choice]) -> QuerySet[Customer]:
    rows: QuerySet[Customer] = Customer.objects.visible_to(user).known()
    if query:
        rows = Customer.objects.visible_to(user).known().matching(query)
    for list_filter, choice in zip(extensions.list_filters(), choices, strict=True):
        if choice.value:
            rows = list_filter.apply(rows, choice.value, user)
    return rows


@require_http_methods(["GET", "POST"])
@staff_required("customers.edit")
def customer_create(request: HttpRequest) -> HttpResponse:
    """Somebody new, written down by hand."""
    form = CustomerForm(posted(request))
    if request.method == "POST" and form.is_valid():
        user = staff_of(request)
        try:
            customer = customers.create_customer(now=timezone.now(), actor=user, owner=user, **form.cleaned_data)
        except customers.AddressTaken as error:
            form.add_error(error.field, _taken_by(error.holder, user))
        except customers.InvalidCustomer as error:
            refuse(form, error)
        else:
            return done(request, _("%(name)s is on record.") % {"name": customer}, customer.get_absolute_url())
    return render(request, "crm/customer_new.html", {"form": form}, status=422 if form.errors else 200)


def _taken_by(holder: Customer, user: User) -> str:
    """Whose an address is, with a link for those who may follow it."""
    if not Customer.objects.visible_to(user).filter(pk=holder.pk).exists():
        return _("Belongs to a customer whom a colleague looks after.")
    link = format_html('<a href="{}">{}</a>', holder.get_absolute_url(), name_for(holder, user))
    return format_html(_("Belongs to {}."), link)


def visible(request: HttpRequest, public_id: UUID) -> Customer:
    """The customer, if the reader may know of them."""
    rows = Customer.objects.visible_to(staff_of(request)).select_related("owner", "company")
    return found(rows.prefetch_related("tags"), public_id)


@require_GET
@staff_required("customers.view")
def customer_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Three zones: who they are, what happened, what is open. `?only=` filters the timeline, `?page=` goes back."""
    try:
        customer = visible(request, public_id)
    except Http404:
        # An old link to a record that became part of another still finds the person.
        gone = Customer.objects.filter(public_id=public_id).select_related("merged_into").first()
        if gone is None or gone.merged_into is None:
            raise
        return HttpResponseRedirect(gone.merged_into.get_absolute_url())
    return show(request, customer)


def show(request: HttpRequest, customer: Customer, *, tab: str = "", **compose: Any) -> HttpResponse:
    """
    The customer's page, the composer open at `tab`, which is told `compose` as well: `form`, when it was sent with
    faults or begun for the writer.
    """
    user, now, shop = staff_of(request), timezone.now(), shop_of(request)
    category = request.GET.get("only", "")
    if category and category not in CATEGORIES:
        raise BadRequest(_("The timeline cannot be filtered by “%(value)s”.") % {"value": category[:60]})
    try:
        happened = timeline(
            customer, now=now, zone=zone(shop.time_zone, "UTC"), category=category, cursor=request.GET.get("page", "")
        )
    except InvalidCursor as error:
        raise BadRequest(str(error)) from error
    context = {"customer": customer, "timeline": happened, "category": category, "categories": CATEGORIES}
    if wants(request, "older"):
        return render(request, "crm/customer_detail.html#older", context)
    if wants(request, "timeline"):
        return render(request, "crm/customer_detail.html#timeline", context)
    context |= {
        "name": name_for(customer, user),
        "tabs": _tabs(customer, user, tab, compose),
        "panels": {zone: panels(zone, customer, user) for zone in ("header", "main", "side")},
        "lines": _lines(customer, user),
        **record_cards(customer, user, now),
    }
    form: forms.Form | None = compose.get("form")
    status = 422 if form is not None and form.is_bound else 200
    return render_page(request, "crm/customer_detail.html", context, partial="record", status=status)


def _lines(customer: Customer, user: User) -> list[dict[str, Any]]:
    """The fields of "who", as far as the reader may see and edit them."""
    reveals = may(user, "contacts.reveal")
    values = {
        "name": customer.name,
        "phone": (readable_phone if reveals else mask_phone)(str(customer.phone or "")),
        "email": customer.email if reveals else mask_email(customer.email),
        "line_id": customer.line_id if reveals else mask_text(customer.line_id),
        "language": dict(settings.LANGUAGES).get(customer.language, customer.language),
        "time_zone": customer.time_zone.replace("_", " "),
        "birthday": customer.birthday and date_format(customer.birthday, "j F Y"),
        "owner": customer.owner,
    }
    edits = {name: may(user, "customers.assign" if name == "owner" else "customers.edit") for name in values}
    return [
        {"field": name, "label": FIELD_LABELS[name], "value": value, "editable": edits[name]}
        for name, value in values.items()
    ]


def _tabs(customer: Customer, user: User, wanted: str, compose: Mapping[str, Any]) -> list[dict[str, Any]]:
    tabs = [tab for tab in extensions.composer_tabs() if may(user, tab.permission)]
    shown = []
    for tab in tabs:
        context: Mapping[str, Any] = tab.context(customer, user) if tab.context else {}
        if tab.key == wanted:
            context = {**context, **compose}
        url = reverse(tab.url_name, args=[customer.public_id])
        shown.append({"tab": tab, "context": context, "url": url, "open": tab.key == (wanted or tabs[0].key)})
    return shown


def panels(zone_name: str, customer: Customer, user: User) -> list[dict[str, Any]]:
    now = timezone.now()
    return [
        {"template": panel.template, "context": context}
        for panel in extensions.panels(zone_name)
        if (context := panel.context(customer, user, now)) is not None
    ]


@require_http_methods(["GET", "POST"])
@staff_required("customers.edit")
def customer_field(request: HttpRequest, public_id: UUID, name: str) -> HttpResponse:
    """Edit one field where it stands: GET gives its form, POST writes it."""
    if name not in FIELD_LABELS:
        raise Http404
    user, customer = staff_of(request), visible(request, public_id)
    if name == "owner" and not may(user, "customers.assign"):
        raise Http404
    form = field_form(name)(posted(request), initial=_initial(customer, name))
    if request.method == "POST" and form.is_valid():
        try:
            customers.edit_customer(customer, {name: form.cleaned_data[name]}, now=timezone.now(), actor=user)
        except customers.AddressTaken as error:
            form.add_error(error.field, _taken_by(error.holder, user))
        except customers.InvalidCustomer as error:
            refuse(form, error)
        else:
            return done(request, _("Saved."), customer.get_absolute_url())
    context = {"form": form, "customer": customer, "name": name}
    status = 422 if form.errors else 200
    if not (wants(request, f"field-{name}") or wants(request, "record")):
        return render(request, "crm/customer_field.html", context, status=status)
    # A form sent with a fault stays where it stands, although its success would have swapped the whole record.
    response = render(request, "crm/customer_field.html#field", context, status=status)
    return reswap(retarget(response, f"#field-{name}"), "innerHTML")


def _initial(customer: Customer, name: str) -> dict[str, Any]:
    value = getattr(customer, name)
    return {name: value.username if isinstance(value, User) else value}


@require_GET
@staff_required("customers.view")
def customer_ids(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Every id by which a storefront, a phone or a browser knows the customer."""
    customer = visible(request, public_id)
    masks = {Identity.Kind.PHONE: mask_phone, Identity.Kind.EMAIL: mask_email}
    reveals = may(staff_of(request), "contacts.reveal")
    identities = [
        {
            "kind": identity.get_kind_display(),
            "source": identity.source,
            "shown": identity.value if reveals else masks.get(Identity.Kind(identity.kind), mask_text)(identity.value),
        }
        for identity in customer.identities.order_by("kind", "source", "value")
    ]
    context = {"customer": customer, "identities": identities}
    return render_page(request, "crm/customer_ids.html", context, partial="outside")


@require_POST
@staff_required("customers.tag")
def customer_tags(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Put a tag on (`name`), or take one off (`remove`)."""
    customer = visible(request, public_id)
    url = customer.get_absolute_url()
    if remove := request.POST.get("remove"):
        customers.remove_tags(customer, [remove])
        return done(request, _("Tag “%(tag)s” is off.") % {"tag": remove}, url)
    form = TagForm(request.POST)
    if not form.is_valid():
        return refused(request, _("A tag is 1 to 64 characters."), url)
    customers.add_tags(customer, [form.cleaned_data["name"]])
    return done(request, _("Tagged “%(tag)s”.") % {"tag": form.cleaned_data["name"]}, url)
