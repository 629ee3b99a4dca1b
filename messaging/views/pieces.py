"""Pieces that templates share: the list, writing one, who uses it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.views.parts import done, posted, refused
from messaging.forms.pieces import PieceForm
from messaging.models import TemplatePartial
from messaging.outbox.authoring import InvalidTemplate
from messaging.rendering.freezing import Pieces
from messaging.selectors.pieces import users_of
from messaging.services.pieces import save_piece

PIECES = "messaging:piece_list"


@require_GET
@staff_required("templates.view")
def piece_list(request: HttpRequest) -> HttpResponse:
    """Every piece, with what it says."""
    rows = [(slug, list(by_language.values())) for slug, by_language in Pieces.current().rows.items()]
    return render(request, "messaging/piece_list.html", {"pieces": rows})


@require_http_methods(["GET", "POST"])
@staff_required("templates.edit")
def piece_edit(request: HttpRequest, slug: str = "") -> HttpResponse:
    """A new piece, or the one of `slug`."""
    rows = list(TemplatePartial.objects.filter(slug=slug)) if slug else []
    if slug and not rows:
        raise Http404
    form = PieceForm(posted(request), rows=rows)
    if request.method == "POST" and form.is_valid():
        name = slug or form.cleaned_data["slug"]
        if not slug and TemplatePartial.objects.filter(slug=name).exists():
            form.add_error("slug", _("There is a piece of that name."))
        else:
            try:
                save_piece(slug=name, texts=form.texts, author=staff_of(request), now=timezone.now())
            except InvalidTemplate as error:
                form.show_faults(error.faults)
            else:
                said = _("The piece is saved. Templates say so from their next version on.")
                return done(request, said, reverse(PIECES))
    context = {"form": form, "slug": slug, "users": users_of(slug) if slug else []}
    return render(request, "messaging/piece_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("templates.edit")
def piece_remove(request: HttpRequest, slug: str) -> HttpResponse:
    """Give up a piece that no template uses."""
    if users_of(slug):
        return refused(request, _("Templates use this piece."), reverse("messaging:piece_edit", args=[slug]))
    TemplatePartial.objects.filter(slug=slug).delete()
    return done(request, _("The piece is gone."), reverse(PIECES))
