"""Settings of the rules of sending: limits, quiet hours, words."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.access.guards import staff_required
from crm.views.parts import done, posted
from messaging.forms.rules import LimitsForm, LinksForm, QuietHoursForm, WordsForm
from messaging.models import FrequencyCap, MessagingSettings, QuietHours
from messaging.services import rules
from messaging.views.parts import settings_form

RULES = "messaging:rules"


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def rule_page(request: HttpRequest) -> HttpResponse:
    """All rules of sending; the form of the limits stands on the page itself."""
    current = MessagingSettings.current()
    caps = dict(FrequencyCap.objects.values_list("per", "limit"))
    form = LimitsForm(
        posted(request),
        initial={
            "per_day": caps.get("day"),
            "per_week": caps.get("week"),
            "pause_on_complaint": current.pause_on_complaint,
        },
    )
    if request.method == "POST" and form.is_valid():
        rules.set_limits(**form.cleaned_data)
        return done(request, _("The limits are saved."), reverse(RULES))
    context = {"form": form, "quiet_hours": QuietHours.objects.all(), "current": current}
    return render(request, "messaging/rules.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def quiet_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """New quiet hours, or those of `pk`."""
    row = get_object_or_404(QuietHours, pk=pk) if pk else None
    form = QuietHoursForm(posted(request), instance=row)
    if request.method == "POST" and form.is_valid():
        form.save()
        return done(request, _("The quiet hours are saved."), reverse(RULES))
    return settings_form(request, form, _("Quiet hours"), _("Save"), (_("Rules of sending"), RULES))


@require_POST
@staff_required("settings.shop")
def quiet_remove(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(QuietHours, pk=pk).delete()
    return done(request, _("These quiet hours are gone."), reverse(RULES))


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def words(request: HttpRequest) -> HttpResponse:
    """STOP, START and HELP: the words, and what they are answered with."""
    form = WordsForm(posted(request), current=MessagingSettings.current())
    if request.method == "POST" and form.is_valid():
        lists = {name: form.cleaned_data[name] for name in form.LISTS}
        try:
            rules.set_words(**lists, replies=form.replies)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return done(request, _("The words are saved."), reverse(RULES))
    return settings_form(request, form, _("STOP, START and HELP"), _("Save"), (_("Rules of sending"), RULES))


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def link_rules(request: HttpRequest) -> HttpResponse:
    """Short links, and where links may lead."""
    current = MessagingSettings.current()
    initial = {
        "link_domain": current.link_domain,
        "shorten_email": current.shorten_email,
        "registered_domains": "\n".join(current.registered_domains),
    }
    form = LinksForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        rules.set_links(**form.cleaned_data)
        return done(request, _("The links are saved."), reverse(RULES))
    return settings_form(request, form, _("Links"), _("Save"), (_("Rules of sending"), RULES))
