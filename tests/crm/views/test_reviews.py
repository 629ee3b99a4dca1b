from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Event, Review, Ticket, User
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, ReviewFactory

pytestmark = pytest.mark.django_db


def titles(client: Client, query: str = "") -> list[str]:
    return [row.title for row in client.get(f"/reviews/{query}").context["page"].rows]


def act(client: Client, review: Review, verb: str, **data: str):  # type: ignore[no-untyped-def]
    return client.post(reverse(f"crm:review_{verb}", args=[review.public_id]), data)


def test_reviews_are_narrowed_by_what_matters(manager: Client) -> None:
    ReviewFactory(title="Good", rating=5, status=Review.Status.PUBLISHED)
    ReviewFactory(title="Bad", rating=1, site=Review.Site.PANTIP, reply="We are sorry.")
    assert sorted(titles(manager)) == ["Bad", "Good"]
    assert titles(manager, "?rating=1") == ["Bad"]
    assert titles(manager, "?status=published") == ["Good"]
    assert titles(manager, "?site=pantip") == ["Bad"]
    assert titles(manager, "?answered=no") == ["Good"]
    assert titles(manager, "?answered=yes") == ["Bad"]
    assert titles(manager, f"?review={Review.objects.get(title='Bad').public_id}") == ["Bad"]
    assert sorted(titles(manager, "?review=nonsense")) == ["Bad", "Good"]
    assert manager.get("/reviews/?rating=9").status_code == 400


def test_publishing_and_taking_down_are_facts_and_states(sign_in: SignIn) -> None:
    review, client = ReviewFactory(), sign_in(User.Role.SUPPORT)
    act(client, review, "publish")
    review.refresh_from_db()
    assert review.status == Review.Status.PUBLISHED
    assert Event.objects.filter(name="Review Published").count() == 1
    act(client, review, "reject")
    review.refresh_from_db()
    assert review.status == Review.Status.REJECTED


def test_an_answer_stands_in_the_shops_name_and_an_empty_one_is_refused(
    sign_in: SignIn, htmx: Callable[[str], dict[str, str]]
) -> None:
    review, client = ReviewFactory(), sign_in(User.Role.SUPPORT, first_name="Nok")
    assert act(client, review, "reply", text=" ").status_code == 422
    act(client, review, "reply", text="Thank you!", next="/reviews/?status=pending")
    review.refresh_from_db()
    assert (review.reply, review.replied_by.first_name) == ("Thank you!", "Nok")
    page = client.get("/reviews/", headers=htmx("rows")).content.decode()
    assert "Thank you!" in page


def test_praise_on_another_site_is_written_down_once(manager: Client) -> None:
    customer = CustomerFactory()
    url = f"{customer.get_absolute_url()}reviews/new/"
    said = {
        "site": "pantip",
        "url": "https://pantip.com/topic/1",
        "rating": "5",
        "body": "ดีมาก",
        "reviewed_on": "2026-03-02",
    }
    manager.post(url, said)
    manager.post(url, said)
    review = Review.objects.get()
    assert (review.site, review.rating, review.status) == ("pantip", 5, Review.Status.PUBLISHED)
    assert review.reviewed_at.date().isoformat() == "2026-03-02"
    assert manager.post(url, {"site": "google"}).status_code == 422


def test_a_date_in_the_future_is_read_as_now(manager: Client) -> None:
    customer = CustomerFactory()
    said = {"site": "google", "rating": "4", "reviewed_on": "2999-01-01"}
    manager.post(f"{customer.get_absolute_url()}reviews/new/", said)
    assert Review.objects.get().reviewed_at <= timezone.now()


def test_blame_on_another_site_opens_a_complaint_besides(manager: Client) -> None:
    customer = CustomerFactory()
    manager.post(f"{customer.get_absolute_url()}reviews/new/", {"site": "google", "rating": "1", "body": "Broken."})
    assert Ticket.objects.get().is_complaint


def test_marketers_read_reviews_and_moderate_none(sign_in: SignIn) -> None:
    review, client = ReviewFactory(), sign_in(User.Role.MARKETER)
    assert "Publish" not in client.get("/reviews/").content.decode().split("<main")[1]
    assert act(client, review, "publish").status_code == 403
