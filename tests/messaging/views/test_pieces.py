"""Shared pieces on their pages."""

import pytest
from django.test import Client

from crm.models import User
from messaging.models import TemplatePartial
from tests.crm.views.conftest import SignIn
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db
LIST, NEW = "/templates/pieces/", "/templates/new-piece/"


def footer(**texts: str) -> None:
    for language, text in texts.items():
        TemplatePartial.objects.create(slug="footer", language=language, text=text)


def test_a_piece_is_written_in_each_language(manager: Client) -> None:
    manager.post(NEW, {"slug": "footer", "en_text": "Bye", "en_html": "<i>Bye</i>", "th_text": "ลาก่อน"})
    rows = TemplatePartial.objects.values_list("slug", "language", "text", "html")
    assert list(rows) == [("footer", "en", "Bye", "<i>Bye</i>"), ("footer", "th", "ลาก่อน", "")]
    assert "footer" in manager.get(LIST).content.decode()


def test_a_change_gives_up_the_language_that_is_empty_now(manager: Client) -> None:
    footer(en="Bye", th="ลาก่อน")
    manager.post(f"{LIST}footer/", {"en_text": "See you", "th_text": ""})
    assert list(TemplatePartial.objects.values_list("language", "text")) == [("en", "See you")]


@pytest.mark.parametrize(
    ("sent", "field", "fault"),
    [
        ({"slug": "x", "en_text": ""}, "__all__", "This text is needed."),
        ({"slug": "x", "en_html": "<b>x</b>"}, "en_text", "This text is needed."),
        ({"slug": "x", "en_text": "Hi\n{{ nobody }}"}, "en_text", "Line 2: There is no such variable: nobody"),
        ({"slug": "x", "en_text": "{% render 'x' %}"}, "en_text", "This is not offered"),
        ({"slug": "x", "en_text": "{% render 'y' %}"}, "en_text", "Line 1: There is no such piece"),
        ({"slug": "footer", "en_text": "x"}, "slug", "There is a piece of that name."),
    ],
)
def test_what_is_no_piece_is_refused_beside_its_field(
    manager: Client, sent: dict[str, str], field: str, fault: str
) -> None:
    footer(en="Bye")
    answer = manager.post(NEW, sent)
    assert answer.status_code == 422
    assert fault in answer.context["form"].errors[field][0]
    assert TemplatePartial.objects.count() == 1


def test_a_piece_shows_who_uses_it_also_by_way_of_another_and_stays_while_somebody_does(manager: Client) -> None:
    footer(en="Bye")
    TemplatePartial.objects.create(slug="end", language="en", text='{% render "footer" %}')
    make_template("one", en='Hi {% render "footer" %}')
    make_template("two", en='Hi {% render "end" %}')
    make_template("three", en="Hi")
    page = manager.get(f"{LIST}footer/")
    assert [template.slug for template in page.context["users"]] == ["one", "two"]
    manager.post(f"{LIST}footer/remove/")
    assert TemplatePartial.objects.filter(slug="footer").exists()


def test_one_that_nobody_uses_can_go(manager: Client) -> None:
    footer(en="Bye", th="ลาก่อน")
    manager.post(f"{LIST}footer/remove/")
    assert not TemplatePartial.objects.exists()


def test_there_are_only_the_pieces_there_are(manager: Client) -> None:
    assert manager.get(f"{LIST}nothing/").status_code == 404


def test_only_campaigners_write_them(sign_in: SignIn) -> None:
    footer(en="Bye")
    viewer = sign_in(User.Role.VIEWER)
    assert viewer.get(LIST).status_code == 200
    assert viewer.post(NEW, {"slug": "x", "en_text": "x"}).status_code == 403
    assert viewer.post(f"{LIST}footer/remove/").status_code == 403
    assert TemplatePartial.objects.count() == 1
