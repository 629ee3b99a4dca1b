"""Reviews over the API."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Event, Review
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import ProductFactory, PurchaseFactory, PurchaseItemFactory, ReviewFactory

pytestmark = pytest.mark.django_db
SAID: dict[str, Any] = {
    "customer": {"email": "ploy@example.com"},
    "reference": "rev_301",
    "rating": 4,
    "body": "Pours well.",
}


def facts() -> list[str]:
    return list(Event.objects.exclude(name="Customer Created").order_by("pk").values_list("name", flat=True))


def test_a_review_waits_for_a_person_unless_an_order_proves_it(api: Program) -> None:
    response = api.post("reviews/", SAID)

    assert response.status_code == 201
    body = response.json()
    assert (body["status"], body["verified"], body["rating"]) == ("pending", False, 4)
    assert facts() == ["Product Reviewed"]


def test_a_review_of_what_was_bought_is_verified_and_published(api: Program) -> None:
    purchase = PurchaseFactory.create(source="web", reference="1001")
    product = ProductFactory.create(sku="KTL-1")
    PurchaseItemFactory.create(purchase=purchase, product=product)
    said = {**SAID, "customer": str(purchase.customer.public_id), "product": "KTL-1"}

    body = api.post("reviews/", said).json()

    assert (body["status"], body["verified"], body["product"]) == ("published", True, "KTL-1")
    assert facts()[1:] == ["Product Reviewed", "Review Published"]


def test_the_same_review_again_changes_its_text_and_is_no_second_one(api: Program) -> None:
    api.post("reviews/", SAID)

    again = api.post("reviews/", {**SAID, "body": "Pours evenly."})

    assert (again.status_code, again.json()["body"]) == (200, "Pours evenly.")
    assert Review.objects.count() == 1
    assert facts() == ["Product Reviewed"]


def test_a_review_is_published_rejected_and_answered(api: Program) -> None:
    review = api.post("reviews/", SAID).json()["id"]

    assert api.post(f"reviews/{review}/moderate/", {"decision": "publish"}).json()["status"] == "published"
    assert api.post(f"reviews/{review}/reply/", {"text": "Thank you"}).json()["reply"] == "Thank you"
    assert api.post(f"reviews/{review}/moderate/", {"decision": "reject"}).json()["status"] == "rejected"
    assert facts() == ["Product Reviewed", "Review Published", "Review Replied"]


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"rating": 6}, "/rating", "max_value"),
        ({"rating": "good"}, "/rating", "invalid"),
        ({"site": "x"}, "/site", "invalid_choice"),
        ({"url": "javascript:alert(1)"}, "/url", "invalid"),
        ({"product": "nothing"}, "/product", "unknown_product"),
        ({"rating": None, "body": ""}, "/rating", "invalid"),
        ({"verified": True}, "/verified", "unknown_field"),
    ],
)
def test_what_cannot_be_is_named(api: Program, changes: dict[str, Any], place: str, code: str) -> None:
    response = api.post("reviews/", {**SAID, **changes})

    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert not Review.objects.exists()


def test_the_list_narrows(api: Program) -> None:
    review = ReviewFactory.create(rating=5, status="published")
    ReviewFactory.create(rating=1, status="pending", site="pantip")

    for query in (f"customer={review.customer.public_id}", "status=published", "rating=5", "site=own"):
        assert [row["id"] for row in api.get(f"reviews/?{query}").json()["results"]] == [str(review.public_id)]
    assert api.get(f"reviews/{review.public_id}/").json()["rating"] == 5
