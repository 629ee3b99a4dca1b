import pytest

from crm.models import Event, Review, Shop, Ticket
from crm.services import reviews
from crm.services.reviews import InvalidReview
from tests.factories.crm import (
    NOON,
    CustomerFactory,
    ProductFactory,
    PurchaseFactory,
    PurchaseItemFactory,
    ReviewFactory,
    UserFactory,
    later,
)

pytestmark = pytest.mark.django_db


def submit(**change: object) -> Review:
    given = {
        "source": "web",
        "reference": "r1",
        "rating": 5,
        "body": "Good",
        "now": later(hours=1),
        "reviewed_at": NOON,
    }
    return reviews.submit_review(**{**given, **change}).review  # type: ignore[arg-type]


def test_a_review_that_an_order_proves_is_published_at_once() -> None:
    purchase = PurchaseFactory.create()

    review = submit(customer=purchase.customer, purchase=purchase)

    assert (review.verified, review.status, review.published_at) == (True, "published", NOON)
    names = Event.objects.filter(object_type="review").order_by("pk").values_list("name", "occurred_at")
    assert list(names) == [("Product Reviewed", NOON), ("Review Published", NOON)]


def test_having_bought_the_product_proves_it_too() -> None:
    product = ProductFactory.create()
    item = PurchaseItemFactory.create(product=product)

    assert submit(customer=item.purchase.customer, product=product).verified
    assert not submit(customer=CustomerFactory.create(), product=product, reference="r2").verified


def test_a_review_that_nothing_proves_waits_for_a_person() -> None:
    somebody_elses = PurchaseFactory.create()

    review = submit(customer=CustomerFactory.create(), purchase=somebody_elses)

    assert (review.verified, review.status) == (False, "pending")
    assert not Event.objects.filter(name="Review Published").exists()
    reviews.publish_review(review, now=later(days=1))
    assert Event.objects.get(name="Review Published").occurred_at == later(days=1)


def test_the_shop_may_want_to_read_all_reviews_first() -> None:
    shop = Shop.current()
    shop.publish_reviews = Shop.PublishReviews.NEVER
    shop.save()
    purchase = PurchaseFactory.create()

    assert submit(customer=purchase.customer, purchase=purchase).status == "pending"


def test_what_stands_on_another_site_is_public_already() -> None:
    review = submit(
        customer=CustomerFactory.create(), site="pantip", url="https://pantip.com/topic/1", rating=None, body=""
    )

    assert (review.status, review.verified) == ("published", False)


def test_the_same_review_again_changes_its_text_and_is_no_second_fact() -> None:
    customer = CustomerFactory.create()
    submit(customer=customer)
    review = submit(customer=customer, body="Very good")

    assert Review.objects.get().body == "Very good" == review.body
    assert Event.objects.filter(name="Product Reviewed").count() == 1
    with pytest.raises(InvalidReview, match="another customer"):
        submit(customer=CustomerFactory.create())


def test_a_low_rating_opens_a_complaint_besides_being_shown() -> None:
    purchase = PurchaseFactory.create()

    submit(customer=purchase.customer, purchase=purchase, rating=2, body="Leaks")

    ticket = Ticket.objects.get()
    assert (ticket.kind, ticket.is_complaint, ticket.purchase) == ("after_sales", True, purchase)
    assert Review.objects.get().status == "published"


def test_a_rejected_review_is_kept_unseen() -> None:
    review = ReviewFactory.create()
    reviews.reject_review(review, now=NOON)
    assert review.status == "rejected"
    assert not Event.objects.filter(name="Review Published").exists()


def test_we_answer_in_the_shops_name() -> None:
    review, staff = ReviewFactory.create(), UserFactory.create()
    reviews.reply_to_review(review, " Thank you ", actor=staff, now=later(days=1))
    reviews.reply_to_review(review, "Thank you!", actor=staff, now=later(days=2))

    assert (review.reply, review.replied_at, review.replied_by) == ("Thank you!", later(days=1), staff)
    assert Event.objects.filter(name="Review Replied").count() == 1
    with pytest.raises(InvalidReview, match="empty"):
        reviews.reply_to_review(review, "  ", actor=staff, now=NOON)


@pytest.mark.parametrize(
    ("change", "field"), [({"rating": 6}, "rating"), ({"rating": 0}, "rating"), ({"site": "mars"}, "site"),
                          ({"rating": None, "body": ""}, "rating")],
)  # fmt: skip
def test_a_review_that_makes_no_sense_is_refused_by_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidReview) as caught:
        submit(customer=CustomerFactory.create(), **change)
    assert caught.value.field == field
