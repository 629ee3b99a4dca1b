"""Choose between a whole page and one of its partials, and answer htmx in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails


def render_page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, partial: str = "rows", status: int = 200
) -> HttpResponse:
    """
    Render `template`, or only its `partial` when htmx asked to swap that element.

    The element's id must equal the partial's name. Boosted and history requests get the page.
    """
    name = f"{template}#{partial}" if wants(request, partial) else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def wants(request: HttpRequest, partial: str) -> bool:
    """Whether htmx asked for the element with this id, and not for a page."""
    htmx: HtmxDetails = getattr(request, "htmx")  # noqa: B009 - put there by a middleware, unknown to HttpRequest
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request and htmx.target == partial


def redirect_to(request: HttpRequest, url: str) -> HttpResponse:
    """Go to `url` after a POST, whether a browser or htmx sent it."""
    htmx: HtmxDetails = getattr(request, "htmx")  # noqa: B009
    return HttpResponseClientRedirect(url) if htmx and not htmx.boosted else HttpResponseRedirect(url)
