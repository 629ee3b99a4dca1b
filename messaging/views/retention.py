"""Settings of what is kept, and how long."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.access.guards import staff_required
from crm.views.parts import done, posted
from messaging.forms.retention import KeepForm
from messaging.models import MessagingSettings
from messaging.services.retention import keep_for
from messaging.views.parts import settings_form


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def retention(request: HttpRequest) -> HttpResponse:
    form = KeepForm(posted(request), instance=MessagingSettings.current())
    if request.method == "POST" and form.is_valid():
        keep_for(**form.cleaned_data)
        return done(request, _("Saved. What is older goes in the nights to come."), reverse("messaging:retention"))
    return settings_form(request, form, _("What is kept"), _("Save"))
