"""Emails as mail programs draw them, in a frame: no script, no form, an origin of its own."""

from __future__ import annotations

from uuid import UUID

from csp.constants import NONE, SELF
from csp.decorators import csp
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from crm.access.guards import shop_of, staff_of, staff_required
from crm.models import Channel
from crm.selectors.search import clean
from crm.views.parts import found
from messaging.forms.templates import TemplateForm
from messaging.models import Template
from messaging.rendering.freezing import Pieces
from messaging.rendering.preview import Draft
from messaging.selectors import library
from messaging.selectors.samples import sample_for

FENCE = {
    "default-src": [NONE], "style-src": ["'unsafe-inline'"], "img-src": ["https:", "data:"],
    "frame-ancestors": [SELF], "sandbox": True,
}  # fmt: skip


@require_GET
@xframe_options_sameorigin
@csp(FENCE)  # type: ignore[arg-type] # forgets what views take
@staff_required("templates.view")
def template_letter(request: HttpRequest, public_id: UUID, language: str) -> HttpResponse:
    """What the newest version says in one language, as `?as=` would get it."""
    template = found(Template.objects.filter(channel=Channel.EMAIL), public_id)
    row = next((row for row in library.variants_of(template) if row.language == language), None)
    if row is None:
        raise Http404
    return _draw(request, library.draft_of(row), language, request.GET.get("as", ""))


@require_POST
@xframe_options_sameorigin
@csp(FENCE)  # type: ignore[arg-type]
@staff_required("templates.edit")
def draft_letter(request: HttpRequest, language: str) -> HttpResponse:
    """What the form of a template says in one language, before it is saved."""
    parts = TemplateForm(request.POST, channel=Channel.EMAIL, is_new=True).texts.get(language)
    if parts is None:
        raise Http404
    return _draw(request, Draft(**parts), language, request.POST.get("as", ""))


def _draw(request: HttpRequest, draft: Draft, language: str, asked: str) -> HttpResponse:
    tried = library.tried(
        draft, channel=Channel.EMAIL, language=language, sample=sample_for(staff_of(request), clean(asked)),
        shop=shop_of(request), pieces=Pieces.current(),
    )  # fmt: skip
    return HttpResponse(tried.letter.html if tried.letter else "")
