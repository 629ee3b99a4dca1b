"""Settings: who is told of facts by webhook, and what became of each call."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.hooks import EndpointForm
from crm.hooks.secrets import replace_shop_secret, shop_secret
from crm.lib.htmx import render_page
from crm.lib.paging import Sort
from crm.lib.vault import CannotUnseal
from crm.models import HookDelivery, WebhookEndpoint
from crm.selectors.calls import calls_lately, calls_of_flows
from crm.services import hooks
from crm.views.parts import choice_of, done, found, page_of, posted, refused

LATEST = Sort("id")


@require_GET
@staff_required("settings.webhooks")
def endpoint_list(request: HttpRequest) -> HttpResponse:
    """Endpoints with how their calls went lately; the calls of flows, and the secret those are signed with."""
    context = {"endpoints": calls_lately(timezone.now()), "calls": calls_of_flows(), "has_secret": True}
    if request.GET.get("show") == "secret":
        try:
            context["secret"] = shop_secret()
        except CannotUnseal:
            context["has_secret"] = False
    response = render(request, "crm/endpoint_list.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_http_methods(["GET", "POST"])
@staff_required("settings.webhooks")
def endpoint_create(request: HttpRequest) -> HttpResponse:
    """Make one; the answer shows its secret, this once."""
    form = EndpointForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = hooks.create_endpoint(**form.said(), actor=staff_of(request), now=timezone.now())
        except hooks.InvalidEndpoint as error:
            refuse(form, error)
        else:
            return _secret(request, made.endpoint, made.secret)
    return render(request, "crm/endpoint_edit.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@staff_required("settings.webhooks")
def endpoint_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What it is told of, and every call."""
    endpoint = found(WebhookEndpoint.objects.all(), public_id)
    state = choice_of(request, "state", _("State"), HookDelivery.State.choices)
    rows = endpoint.deliveries.all()
    page = page_of(request, rows.filter(state=state.value) if state.value else rows, LATEST)
    context = {"endpoint": endpoint, "page": page, "choices": [state], "state": state}
    return render_page(request, "crm/endpoint_detail.html", context)


@require_http_methods(["GET", "POST"])
@staff_required("settings.webhooks")
def endpoint_edit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    endpoint = found(WebhookEndpoint.objects.all(), public_id)
    initial = {"url": endpoint.url, "description": endpoint.description, "events": "\n".join(endpoint.events)}
    form = EndpointForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            hooks.edit_endpoint(endpoint, form.said())
        except hooks.InvalidEndpoint as error:
            refuse(form, error)
        else:
            return done(request, _("Saved."), _page(endpoint))
    context = {"form": form, "endpoint": endpoint}
    return render(request, "crm/endpoint_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("settings.webhooks")
def endpoint_change(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Switch it on or off, give it another secret, or delete it."""
    endpoint = found(WebhookEndpoint.objects.all(), public_id)
    wish = request.POST.get("wish", "")
    if wish == "delete":
        endpoint.delete()
        return done(request, _("“%(name)s” is told nothing more.") % {"name": endpoint}, reverse("crm:endpoint_list"))
    if wish == "new-secret":
        return _secret(request, endpoint, hooks.replace_secret(endpoint))
    if wish not in ("on", "off"):
        raise BadRequest(_("There is no such button."))
    hooks.edit_endpoint(endpoint, {"is_active": wish == "on"})
    said = _("“%(name)s” is told again.") if wish == "on" else _("“%(name)s” is switched off.")
    return done(request, said % {"name": endpoint}, _page(endpoint))


@require_POST
@staff_required("settings.webhooks")
def secret_replace(request: HttpRequest) -> HttpResponse:
    """Flows sign with another secret from now on."""
    replace_shop_secret()
    url = f"{reverse('crm:endpoint_list')}?show=secret"
    return done(request, _("Flows sign with a new secret: give it to whoever they call."), url)


@require_POST
@staff_required("settings.webhooks")
def delivery_replay(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Make a call again, with the same id and body."""
    delivery = found(HookDelivery.objects.select_related("endpoint"), public_id)
    url = _page(delivery.endpoint) if delivery.endpoint else reverse("crm:endpoint_list")
    if not hooks.replay(delivery, now=timezone.now()):
        return refused(request, _("This call is still in line, or was never written."), url)
    return done(request, _("The call is in line again."), url)


def _page(endpoint: WebhookEndpoint) -> str:
    return reverse("crm:endpoint_detail", args=[endpoint.public_id])


def _secret(request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    # Shown in the answer itself and not after a redirect: nobody is shown it again.
    response = render(request, "crm/endpoint_made.html", {"endpoint": endpoint, "secret": secret})
    response.headers["Cache-Control"] = "no-store"
    return response
