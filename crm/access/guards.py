"""Guards at the door of a view."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from crm.access.roles import may
from crm.lib.zones import zone
from crm.models import Shop, User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def staff_required(permission: str) -> Callable[[View[P]], View[P]]:
    """
    Let in who is signed in and holds `permission`; send strangers to sign in, the others to the 403 page.

    A fragment asked for by htmx cannot show the sign-in page in its place, so there the whole page goes. Inside, clocks
    show the shop's time, and `request.shop` is the shop.
    """

    def decorator(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if not may(request.user, permission):
                raise PermissionDenied(permission)
            shop = cast(Any, request).shop = request.user.shop
            with timezone.override(zone(shop.time_zone, "UTC")):
                return view(request, *args, **kwargs)

        return guarded

    return decorator


def staff_of(request: HttpRequest) -> User:
    """Who is looking. Only behind `staff_required`."""
    return cast(User, request.user)


def shop_of(request: HttpRequest) -> Shop:
    """The shop's settings, read once for the request. Only behind `staff_required`."""
    return cast(Shop, cast(Any, request).shop)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    htmx = getattr(request, "htmx", None)
    if not htmx:
        return redirect_to_login(request.get_full_path())
    return HttpResponseClientRedirect(redirect_to_login(htmx.current_url_abs_path or "/").url)
