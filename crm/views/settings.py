"""Settings: the shop, one's own profile, colleagues, roles, and the programs that connect."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import extensions
from crm.access.guards import shop_of, staff_of, staff_required
from crm.access.keys import create_key
from crm.access.roles import PERMISSIONS, may
from crm.events import log
from crm.forms.settings import (
    ApiKeyForm,
    NewStaffForm,
    ProfileForm,
    ShopForm,
    SourceEditForm,
    SourceForm,
    StaffForm,
)
from crm.models import ApiKey, FailedReaction, RejectedEvent, Source, User
from crm.selectors.today import failed_reactions
from crm.services import programs, shop, staff
from crm.views.parts import done, next_url, posted, refused

RETRIES = 500


@require_GET
@staff_required("customers.view")
def index(request: HttpRequest) -> HttpResponse:
    """Every settings page of every app that the reader may open."""
    user = staff_of(request)
    pages = [page for page in extensions.settings_pages() if may(user, page.permission)]
    return render(request, "crm/settings.html", {"pages": pages})


@require_http_methods(["GET", "POST"])
@staff_required("settings.shop")
def shop_settings(request: HttpRequest) -> HttpResponse:
    form = ShopForm(posted(request), instance=shop_of(request))
    if request.method == "POST" and form.is_valid():
        shop.edit_shop(shop_of(request), form.cleaned_data)
        return done(request, _("The shop's settings are saved."), reverse("crm:shop"))
    return _form(request, form, _("Shop"), _("Save"))


@require_http_methods(["GET", "POST"])
@staff_required("customers.view")
def profile(request: HttpRequest) -> HttpResponse:
    """What is one's own: name, language, look, keys."""
    user = staff_of(request)
    form = ProfileForm(posted(request), instance=user)
    if request.method == "POST" and form.is_valid():
        staff.set_preferences(user, form.cleaned_data)
        with translation.override(user.language or translation.get_language()):
            return done(request, _("Your profile is saved."), reverse("crm:profile"))
    return render(request, "crm/profile.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@staff_required("customers.view")
def set_preference(request: HttpRequest) -> HttpResponse:
    """Switch language or theme from the menu, and stay where one is."""
    wanted = {key: request.POST[key] for key in ("language", "theme") if key in request.POST}
    allowed = {"language": dict(django_settings.LANGUAGES), "theme": dict(User.Theme.choices)}
    for key, value in wanted.items():
        if value not in allowed[key]:
            raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": key, "value": value[:60]})
    user = User.objects.get(pk=staff_of(request).pk)
    staff.set_preferences(user, wanted)
    return HttpResponseRedirect(next_url(request, reverse("crm:today")))


@require_GET
@staff_required("customers.view")
def roles(request: HttpRequest) -> HttpResponse:
    """The table of roles, as the code holds it."""
    rows = [(permission.label, [role in permission.roles for role in User.Role]) for permission in PERMISSIONS]
    return render(request, "crm/roles.html", {"roles": [role.label for role in User.Role], "rows": rows})


@require_GET
@staff_required("users.manage")
def staff_list(request: HttpRequest) -> HttpResponse:
    people = User.objects.annotate(owned=Count("customers", filter=Q(customers__merged_into=None)))
    return render(request, "crm/staff_list.html", {"people": people.order_by("-is_active", "first_name", "username")})


@require_http_methods(["GET", "POST"])
@staff_required("users.manage")
def staff_create(request: HttpRequest) -> HttpResponse:
    form = NewStaffForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            user = staff.create_colleague(**form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return done(request, _("%(name)s can sign in now.") % {"name": user}, reverse("crm:staff_list"))
    return _form(request, form, _("New colleague"), _("Create the account"), (_("Staff"), "crm:staff_list"))


@require_http_methods(["GET", "POST"])
@staff_required("users.manage")
def staff_edit(request: HttpRequest, username: str) -> HttpResponse:
    user = get_object_or_404(User, username=username)
    form = StaffForm(posted(request), instance=user)
    if request.method == "POST" and form.is_valid():
        try:
            staff.edit_colleague(user, form.cleaned_data)
        except staff.LastAdministrator as error:
            form.add_error(None, str(error))
        else:
            return done(request, _("%(name)s is saved.") % {"name": user}, reverse("crm:staff_list"))
    context = {
        "form": form, "title": user.username, "label": _("Save"), "parent": (_("Staff"), "crm:staff_list"),
        "colleague": user, "has_second_step": staff.has_second_step(user),
    }  # fmt: skip
    return render(request, "crm/staff_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("users.manage")
def staff_second_step(request: HttpRequest, username: str) -> HttpResponse:
    """Somebody lost the phone that makes their codes."""
    user = get_object_or_404(User, username=username)
    staff.take_second_step_off(user)
    said = _("%(name)s signs in with the password alone now.") % {"name": user}
    return done(request, said, reverse("crm:staff_edit", args=[username]))


@require_GET
@staff_required("settings.keys")
def source_list(request: HttpRequest) -> HttpResponse:
    """Storefronts with their write keys, and what they sent that could not be taken."""
    return render(
        request,
        "crm/source_list.html",
        {
            "sources": Source.objects.order_by("-is_active", "name"),
            "rejected": RejectedEvent.objects.filter(resolved_at=None).order_by("-received_at")[:20],
            "host": django_settings.SITE_URL,
            "endpoint": f"{django_settings.SITE_URL}/v1/",
            "shown": request.GET.get("show", ""),
        },
    )


@require_http_methods(["GET", "POST"])
@staff_required("settings.keys")
def source_create(request: HttpRequest) -> HttpResponse:
    form = SourceForm(posted(request))
    if request.method == "POST" and form.is_valid():
        source = programs.create_source(**form.cleaned_data)
        said = _("“%(name)s” may report now: give its program the write key.") % {"name": source}
        return done(request, said, f"{reverse('crm:source_list')}?show={source.slug}")
    return _form(request, form, _("New source"), _("Create the source"), (_("Sources"), "crm:source_list"))


@require_http_methods(["GET", "POST"])
@staff_required("settings.keys")
def source_edit(request: HttpRequest, slug: str) -> HttpResponse:
    source = get_object_or_404(Source, slug=slug)
    form = SourceEditForm(posted(request), instance=source)
    if request.method == "POST" and form.is_valid():
        programs.edit_source(source, **form.cleaned_data)
        return done(request, _("%(name)s is saved.") % {"name": source}, reverse("crm:source_list"))
    return _form(request, form, source.slug, _("Save"), (_("Sources"), "crm:source_list"))


@require_POST
@staff_required("settings.keys")
def source_change(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch a source on or off, or give it a new write key."""
    source = get_object_or_404(Source, slug=slug)
    wish = request.POST.get("wish", "")
    if wish == "new-key":
        programs.replace_write_key(source)
        said = _("“%(name)s” has a new write key; the old one is refused.")
    elif wish in ("on", "off"):
        programs.switch_source(source, active=wish == "on")
        said = _("“%(name)s” may report.") if wish == "on" else _("“%(name)s” is switched off.")
    else:
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "wish", "value": wish[:60]})
    return done(request, said % {"name": source}, reverse("crm:source_list"))


@require_GET
@staff_required("settings.keys")
def key_list(request: HttpRequest) -> HttpResponse:
    keys = ApiKey.objects.order_by("revoked_at", "-created_at")
    return render(request, "crm/key_list.html", {"keys": keys})


@require_http_methods(["GET", "POST"])
@staff_required("settings.keys")
def key_create(request: HttpRequest) -> HttpResponse:
    """Make a key; the answer shows its secret, this once."""
    form = ApiKeyForm(posted(request))
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        until = said.pop("expires_on")
        expires_at = timezone.make_aware(datetime.combine(until, time(23, 59, 59))) if until else None
        made = create_key(**said, expires_at=expires_at)
        # Shown in the answer itself and not after a redirect: the secret is kept nowhere.
        response = render(request, "crm/key_made.html", {"made": made})
        response.headers["Cache-Control"] = "no-store"
        return response
    return _form(request, form, _("New API key"), _("Make the key"), (_("API keys"), "crm:key_list"))


@require_POST
@staff_required("settings.keys")
def key_revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    key = get_object_or_404(ApiKey, prefix=prefix)
    programs.revoke_key(key, now=timezone.now())
    return done(request, _("“%(name)s” opens nothing any more.") % {"name": key.name}, reverse("crm:key_list"))


@require_GET
@staff_required("audit.view")
def reaction_list(request: HttpRequest) -> HttpResponse:
    """Facts that stand, but that something could not work off."""
    return render(request, "crm/reaction_list.html", {"failures": failed_reactions()[:100]})


@require_POST
@staff_required("audit.view")
def reaction_retry(request: HttpRequest) -> HttpResponse:
    """Try all of them again now instead of when their back-off is over."""
    now = timezone.now()
    FailedReaction.objects.open().bring_forward(now)
    worked = log.retry_reactions(now=now, limit=RETRIES)
    left = FailedReaction.objects.open().count()
    back = reverse("crm:reaction_list")
    if left:
        return refused(request, _("%(n)s worked, %(left)s still fail.") % {"n": worked, "left": left}, back)
    return done(request, _("All %(n)s were worked off.") % {"n": worked}, back)


def _form(
    request: HttpRequest, form: Any, title: str, label: str, parent: tuple[str, str] | None = None
) -> HttpResponse:
    """A settings page that is one form."""
    context = {"form": form, "title": title, "label": label, "parent": parent}
    return render(request, "crm/settings_form.html", context, status=422 if form.errors else 200)
