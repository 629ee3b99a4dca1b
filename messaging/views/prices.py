"""Settings of what messages cost."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import shop_of, staff_required
from crm.views.parts import done, posted
from messaging.forms.prices import PriceForm
from messaging.models import Price
from messaging.services.prices import add_example
from messaging.views.parts import settings_form

PRICES = "messaging:price_list"
EXAMPLE_CURRENCY = "THB"


@require_GET
@staff_required("settings.shop")
def price_list(request: HttpRequest) -> HttpResponse:
    """The price table."""
    context = {"prices": Price.objects.all(), "has_example": shop_of(request).currency == EXAMPLE_CURRENCY}
    return render(request, "messaging/price_list.html", context)


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def price_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """A new price, or the one of `pk`."""
    row = get_object_or_404(Price, pk=pk) if pk else None
    form = PriceForm(posted(request), instance=row, currency=shop_of(request).currency)
    if request.method == "POST" and form.is_valid():
        form.save()
        return done(request, _("The price is saved. It holds for what leaves from now on."), reverse(PRICES))
    return settings_form(request, form, _("Price"), _("Save"), (_("Prices"), PRICES))


@require_POST
@staff_required("settings.shop")
def price_remove(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(Price, pk=pk).delete()
    return done(request, _("The price is gone."), reverse(PRICES))


@require_POST
@staff_required("settings.shop")
def price_example(request: HttpRequest) -> HttpResponse:
    """Fill the gaps of the table with example prices."""
    number = add_example()
    said = ngettext("%(n)s example price was added.", "%(n)s example prices were added.", number)
    return done(request, said % {"n": number}, reverse(PRICES))
