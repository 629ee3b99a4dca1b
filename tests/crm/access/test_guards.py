"""The guard at the door of a view."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.timezone import get_current_timezone_name
from django_htmx.middleware import HtmxDetails

from crm.access.guards import shop_of, staff_of, staff_required
from crm.models import Shop, User


@staff_required("customers.edit")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(
        f"{staff_of(request).role} edits {name} at {shop_of(request).name}, {get_current_timezone_name()}"
    )


def asked_by(user, **headers) -> HttpRequest:
    request = RequestFactory(headers=headers).get("/customers/7/edit?tab=tags")
    request.user = user
    request.htmx = HtmxDetails(request)
    return request


@pytest.mark.django_db
def test_who_holds_the_permission_is_let_in_and_sees_the_shops_clock():
    Shop.objects.update_or_create(pk=1, defaults={"name": "Mali's", "time_zone": "America/Sao_Paulo"})

    answer = edit(asked_by(User(role=User.Role.SALES)), name="Ploy")

    assert answer.content == b"sales edits Ploy at Mali's, America/Sao_Paulo"
    assert get_current_timezone_name() == "UTC"


def test_who_does_not_is_refused():
    with pytest.raises(PermissionDenied):
        edit(asked_by(User(role=User.Role.VIEWER)), name="Mali")


def test_a_stranger_is_sent_to_sign_in_and_comes_back():
    answer = edit(asked_by(AnonymousUser()), name="Mali")

    assert answer.status_code == 302
    assert answer.url == "/accounts/login/?next=/customers/7/edit%3Ftab%3Dtags"


def test_a_stranger_whose_page_asked_for_a_fragment_leaves_the_whole_page():
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/customers/7/"}

    answer = edit(asked_by(AnonymousUser(), **headers), name="Mali")

    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=/customers/7/"
