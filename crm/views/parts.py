"""What views share: asking for a page of a list, finding a record the reader may see, answering a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_htmx.http import trigger_client_event

from crm.extensions import Text
from crm.lib.htmx import HtmxRequest
from crm.lib.paging import InvalidCursor, Page, Sort, keyset_page

T = TypeVar("T", bound=Model)


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter of a list: what may be chosen, and what is."""

    param: str
    label: Text
    options: Sequence[tuple[str, Text]]
    value: str = ""

    @property
    def chosen(self) -> Text:
        """The label of what is chosen."""
        return dict(self.options).get(self.value, "")


def choice_of(request: HttpRequest, param: str, label: Text, options: Sequence[tuple[str, Text]]) -> Choice:
    """
    Read a filter from the URL.

    Raises:
        BadRequest: the URL names an option there is not.
    """
    value = request.GET.get(param, "")
    if value and value not in dict(options):
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": label, "value": value[:60]})
    return Choice(param, label, options, value)


def sorted_by(request: HttpRequest, sorts: Mapping[str, Sort], default: str) -> tuple[str, Sort]:
    """
    The order the URL asks for.

    Raises:
        BadRequest: the list cannot be put in that order.
    """
    name = request.GET.get("sort") or default
    if name not in sorts:
        raise BadRequest(_("This list cannot be sorted by “%(value)s”.") % {"value": name[:60]})
    return name, sorts[name]


def page_of(request: HttpRequest, rows: QuerySet[T], sort: Sort, *, size: int = 50) -> Page[T]:
    """
    The page of `rows` that the URL's `page` points at.

    Raises:
        BadRequest: the marker is not one of this list.
    """
    try:
        return keyset_page(rows, sort, cursor=request.GET.get("page", ""), size=size)
    except InvalidCursor as error:
        raise BadRequest(str(error)) from error


def found(rows: QuerySet[T], public_id: UUID) -> T:
    """
    The record with this public id, among those the reader may see.

    Raises:
        Http404: there is none, or it is not theirs to see; which of the two is not told.
    """
    record = rows.filter(public_id=public_id).first()
    if record is None:
        raise Http404
    return record


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: the POST, also an empty one; None when the page is only asked for."""
    return request.POST if request.method == "POST" else None


def done(request: HttpRequest, text: str, url: str) -> HttpResponse:
    """
    After a POST: say so, and show `url`. htmx follows the redirect and swaps the same element.

    A row of a list that goes by itself has no id to be swapped by, and needs no more than the word.
    """
    htmx = cast(HtmxRequest, request).htmx
    if htmx and not htmx.target:
        return trigger_client_event(HttpResponse(), "toast", {"text": text, "tone": "success"})
    messages.success(request, text)
    return HttpResponseRedirect(url)


def refused(request: HttpRequest, text: str, url: str) -> HttpResponse:
    """After a POST that could not be done: say why, and show `url` as it is."""
    messages.error(request, text)
    return HttpResponseRedirect(url)


def next_url(request: HttpRequest, default: str) -> str:
    """Where a form wants to go afterwards, if that is on this site."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}) else default
