import pytest
from django.test import Client

from crm.models import Topic, User
from tests.crm.views.conftest import SignIn

pytestmark = pytest.mark.django_db


def test_the_topics_say_what_they_need(manager: Client) -> None:
    shown = manager.get("/settings/topics/").content.decode()
    assert shown.count("marketing: needs a yes") == 2
    assert shown.count("service: goes unless they said no") == 2


def test_a_topic_is_added_and_renamed(manager: Client) -> None:
    manager.post("/settings/topics/new/", {"name": "Workshops", "slug": "workshops", "is_marketing": "on"})
    topic = Topic.objects.get(slug="workshops")
    assert topic.is_marketing
    manager.post("/settings/topics/workshops/", {"name": "Tea workshops", "is_marketing": ""})
    topic.refresh_from_db()
    assert (topic.name, topic.is_marketing) == ("Tea workshops", True)  # what people agreed to does not change


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": "", "slug": "workshops"}, "name"),
        ({"name": "Workshops", "slug": "two words"}, "slug"),
        ({"name": "Workshops", "slug": "promotions"}, "slug"),
    ],
)
def test_a_topic_that_cannot_be_is_refused(manager: Client, sent: dict[str, str], field: str) -> None:
    answer = manager.post("/settings/topics/new/", sent)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert Topic.objects.count() == 4


def test_a_topic_there_is_not_is_not_found(manager: Client) -> None:
    assert manager.get("/settings/topics/gossip/").status_code == 404


def test_only_leaders_make_topics(sign_in: SignIn) -> None:
    client = sign_in(User.Role.MARKETER)
    assert client.get("/settings/topics/").status_code == 403
    assert client.post("/settings/topics/new/", {"name": "X", "slug": "x"}).status_code == 403
    assert Topic.objects.count() == 4
