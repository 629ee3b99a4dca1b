"""Versions of a template on their page."""

from typing import Any

import pytest
from django.test import Client

from crm.models import User
from messaging.models import MessagingSettings, Template
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def template() -> Template:
    make_template("thanks", en="Hello\nThank you", th="ขอบคุณ")
    return make_template("thanks", en="Hello\nThanks a lot")


def lines(found: Any) -> list[tuple[str, str]]:
    return [(line.change, line.text) for line in found.lines]


def test_two_versions_are_compared_line_by_line(manager: Client, template: Template) -> None:
    found = manager.get(f"{template.get_absolute_url()}versions/").context["differences"]
    assert [(row.language, row.part) for row in found] == [("en", "body"), ("th", "body")]
    assert lines(found[0]) == [("", "Hello"), ("gone", "Thank you"), ("new", "Thanks a lot")]
    assert lines(found[1]) == [("gone", "ขอบคุณ")]


def test_which_two_is_in_the_address(manager: Client, template: Template) -> None:
    url = f"{template.get_absolute_url()}versions/"
    back = manager.get(f"{url}?old=2&new=1").context["differences"]
    assert lines(back[0]) == [("", "Hello"), ("gone", "Thanks a lot"), ("new", "Thank you")]
    assert "They say the same." in manager.get(f"{url}?old=1&new=1").content.decode()
    assert manager.get(f"{url}?old=99&new=1").context["differences"] == []


def test_an_old_one_comes_back_as_a_draft_and_is_published_after_a_look(manager: Client, template: Template) -> None:
    url = template.get_absolute_url()
    manager.post(f"{url}versions/1/restore/")
    assert template.live_version is not None
    assert template.live_version.number == 2
    assert "Version 3 is a draft" in manager.get(url).content.decode()
    page = manager.get(f"{url}publish/")
    assert lines(page.context["differences"][0]) == [("", "Hello"), ("gone", "Thanks a lot"), ("new", "Thank you")]
    manager.post(f"{url}publish/")
    assert template.live_version.number == 3
    assert "draft" not in manager.get(url).content.decode()


def test_there_is_nothing_to_publish_without_a_draft(manager: Client, template: Template) -> None:
    answer = manager.post(f"{template.get_absolute_url()}publish/", follow=True)
    assert "There is no draft to publish." in answer.content.decode()
    assert template.versions.count() == 2


def test_a_draft_that_may_no_longer_be_sent_says_why_and_stays_one(manager: Client) -> None:
    template = make_template("thanks", published=False, en="Look: bit.ly/x")
    MessagingSettings.objects.update(registered_domains=["shop.example"])
    answer = manager.post(f"{template.get_absolute_url()}publish/", follow=True)
    assert "This link leads to a domain that is not registered" in answer.content.decode()
    assert template.live_version is None


def test_what_customers_lack_is_told_before_publishing(manager: Client) -> None:
    CustomerFactory(name="")
    template = make_template("thanks", published=False, en="Hi {{ customer.first_name }}")
    page = manager.get(f"{template.get_absolute_url()}publish/").content.decode()
    assert "1 of 1 lately active customers have none" in page
    assert "Publish all the same" in page


def test_only_campaigners_bring_back_and_publish(sign_in: SignIn, template: Template) -> None:
    viewer, url = sign_in(User.Role.VIEWER), template.get_absolute_url()
    assert viewer.get(f"{url}versions/").status_code == 200
    assert "Bring back" not in viewer.get(f"{url}versions/").content.decode()
    assert viewer.post(f"{url}versions/1/restore/").status_code == 403
    assert viewer.post(f"{url}publish/").status_code == 403
    assert template.versions.count() == 2
