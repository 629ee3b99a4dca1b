"""The API about itself: its schema, its page, what its errors mean, and the answer where there is nothing."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from crm.api.base import Door
from crm.api.problems import PROBLEMS


class Schema(SpectacularAPIView):
    """OpenAPI 3. Open to all: it holds nothing that is not in our documentation."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()


class Page(SpectacularSwaggerSplitView):
    """The schema to read and try, from our own files and within our own content security policy."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    url_name = "api:schema"
    template_name = "crm/api_docs.html"


@require_GET
def problem(request: HttpRequest, code: str) -> JsonResponse:
    """Where the `type` of an error leads: what it means."""
    if code not in PROBLEMS:
        raise Http404
    status, meaning = PROBLEMS[code]
    return JsonResponse({"code": code, "status": status, "title": str(meaning)})


@extend_schema(exclude=True)
class Nothing(Door):
    """An address that no call has, whatever the method and whoever asks."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        tip = "" if request.path.endswith("/") else _(" Addresses end with a slash.")
        raise NotFound(_("There is nothing at this address.") + tip)
