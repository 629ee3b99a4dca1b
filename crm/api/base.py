"""What every view of the REST door has in common, whichever app it stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from crm.api import idempotency
from crm.api.errors import Problem
from crm.api.parsers import body_of
from crm.api.renderers import AlwaysJSON
from crm.api.schema import ApiSchema
from crm.lib.rates import Allowance
from crm.models import ApiKey, Customer, User
from crm.models.customer import CustomerQuerySet

# Parameters that a page of a list takes besides its filters.
PAGING = frozenset({"limit", "cursor", "fields"})


class Door(APIView):
    """
    A view behind the API's rules: scopes, strict input, Idempotency-Key, RateLimit-* headers, one clock.

    Attributes:
        scope: the noun of its scopes: "customers" asks for customers:read on GET and customers:write otherwise.
        scopes: exceptions to that, action name → the scopes of which one is enough; () lets every live key in.
    """

    post: Callable[..., Any]
    scope = ""
    scopes: Mapping[str, tuple[str, ...]] = {}
    schema = ApiSchema()
    content_negotiation_class = AlwaysJSON
    allowance: Allowance | None = None

    def scopes_needed(self, request: Request) -> tuple[str, ...]:
        action = getattr(self, "action", None) or (request.method or "").lower()
        verb = "read" if request.method in SAFE_METHODS else "write"
        return self.scopes.get(action, (f"{self.scope}:{verb}",))

    @cached_property
    def now(self) -> datetime:
        """When this call came in."""
        return timezone.now()

    @property
    def staff(self) -> User | None:
        """Who is signed in; None when a program calls with a key."""
        user = self.request.user
        return user if isinstance(user, User) else None

    @property
    def source(self) -> str:
        """The `source` of the records this caller writes."""
        return self.request.auth.source if isinstance(self.request.auth, ApiKey) else "staff"

    def visible_customers(self) -> CustomerQuerySet:
        """The people this caller may know of: all for a key, what the role sees for staff."""
        staff = self.staff
        return Customer.objects.visible_to(staff) if staff else Customer.objects.filter(merged_into=None)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _refuse_nul(request, kwargs)
        self._refuse_unknown_parameters(request)
        if "CONTENT_LENGTH" not in request.META and "Transfer-Encoding" in request.headers:
            # The framework takes a body without a length for none at all.
            request.META["CONTENT_LENGTH"] = str(len(body_of(request)))
        if request.method == "POST" and hasattr(self, "post"):
            # `dispatch` looks the handler up after this, and finds it wrapped.
            self.post = idempotency.once(self.post)

    def parameters(self) -> frozenset[str]:
        """What the address may carry after the question mark."""
        return frozenset()

    def _refuse_unknown_parameters(self, request: Request) -> None:
        """A filter misspelt would quietly answer with everything."""
        taken = self.parameters()
        for name in request.query_params:
            if name not in taken:
                known = ", ".join(sorted(taken)) or _("none")
                raise Problem(
                    "unknown_parameter",
                    _("Unknown parameter %(name)s; this call takes: %(known)s.") % {"name": name[:60], "known": known},
                )

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.allowance.headers().items() if self.allowance else ():
            response.headers[name] = value
        # Answers hold personal data, and differ by key.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class Noun(Door, GenericViewSet[Any]):
    """
    The calls of one noun. Records are addressed by their public id.

    A subclass names `queryset`, `serializer_class`, `sort` and, where the list can be narrowed, `filterset_class`.
    """

    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    filterset_class: Any = None

    def parameters(self) -> frozenset[str]:
        if self.action != "list":
            return frozenset({"fields"})
        return PAGING | (frozenset(self.filterset_class.base_filters) if self.filterset_class else frozenset())

    def get_locked(self) -> Any:
        """The record, so that two programs who change it at once take turns. Only inside a transaction."""
        record = self.get_queryset().select_for_update(of=("self",)).filter(public_id=self.kwargs["id"]).first()
        return record or self.get_object()  # which says that there is none

    def answer(self, record: Model, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """`record` as this noun's JSON."""
        return Response(self.get_serializer(record).data, status=status, headers=dict(headers or {}))


def _refuse_nul(request: Request, kwargs: Mapping[str, Any]) -> None:
    """A NUL in the address would only be noticed by PostgreSQL."""
    for name, value in _words_of(request, kwargs):
        if "\x00" in value:
            raise Problem("invalid_text", _("%(name)s holds a NUL character.") % {"name": name})


def _words_of(request: Request, kwargs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, values in request.query_params.lists():
        for value in (name, *values):
            yield "The address", value
    for name, value in kwargs.items():
        yield name, str(value)
