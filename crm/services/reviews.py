"""Reviews: taken in, moderated, answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from crm.events import log
from crm.models import Customer, Product, Purchase, Review, Shop, Ticket, User
from crm.services import tickets

Status = Review.Status
LOW_RATING = 2  # at most this opens a ticket, besides the review being shown to moderators


class InvalidReview(ValueError):
    """A value the review cannot hold; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Submitted:
    review: Review
    created: bool


@transaction.atomic
def submit_review(
    *,
    customer: Customer,
    source: str,
    reference: str,
    now: datetime,
    rating: int | None = None,
    title: str = "",
    body: str = "",
    reviewed_at: datetime | None = None,
    site: str = Review.Site.OWN,
    url: str = "",
    product: Product | None = None,
    purchase: Purchase | None = None,
) -> Submitted:
    """
    Take a review in, once per (source, reference); the same again changes its text, not its place in time.

    An order proves it when `purchase` is the customer's own, or they bought `product`; the shop's setting says whether
    such a review is published at once. A low rating opens a complaint besides.

    Raises:
        InvalidReview: the rating is not 1 to 5, an outside review has no rating and no text, or the site is unknown.
    """
    if rating is not None and not 1 <= rating <= 5:
        raise InvalidReview("rating", "must be 1 to 5")
    if site not in Review.Site.values:
        raise InvalidReview("site", f"must be one of {', '.join(Review.Site.values)}")
    if rating is None and not body.strip() and not url:
        raise InvalidReview("rating", "a rating, a text or a link is needed")
    review = Review.objects.filter(source=source, reference=reference).first()
    if review:
        return _change(review, customer, rating, title, body, now)
    at = reviewed_at or now
    verified = _is_proven(customer, product, purchase)
    at_once = verified and Shop.current().publish_reviews == Shop.PublishReviews.VERIFIED
    review = Review(
        customer=customer, source=source, reference=reference, rating=rating, title=title[:200], body=body, site=site,
        url=url, product=product, purchase=purchase, reviewed_at=at, verified=verified,
        # What stands on another site is public already; ours waits unless an order proves it.
        status=Status.PUBLISHED if at_once or site != Review.Site.OWN else Status.PENDING,
    )  # fmt: skip
    if review.status == Status.PUBLISHED:
        review.published_at = at
    _save(review, now)
    if rating is not None and rating <= LOW_RATING:
        tickets.open_ticket(
            customer=customer, kind=Ticket.Kind.AFTER_SALES, is_complaint=True, priority=Ticket.Priority.HIGH,
            subject=_("Low rating: %(rating)s of 5") % {"rating": rating}, body=body or title, channel="review",
            source=source, purchase=purchase, product=product, opened_at=at, now=now,
        )  # fmt: skip
    return Submitted(review, created=True)


@transaction.atomic
def publish_review(review: Review, *, now: datetime) -> Review:
    """Show it to the world."""
    review.status = Status.PUBLISHED
    review.published_at = review.published_at or now
    return _save(review, now)


@transaction.atomic
def reject_review(review: Review, *, now: datetime) -> Review:
    """Keep it, unseen."""
    review.status = Status.REJECTED
    return _save(review, now)


@transaction.atomic
def reply_to_review(review: Review, text: str, *, actor: User | None, now: datetime) -> Review:
    """
    Answer a review in the shop's name; a later answer replaces the text.

    Raises:
        InvalidReview: no text.
    """
    if not text.strip():
        raise InvalidReview("reply", "is empty")
    review.reply, review.replied_by = text.strip(), actor
    review.replied_at = review.replied_at or now
    return _save(review, now)


def _change(review: Review, customer: Customer, rating: int | None, title: str, body: str, now: datetime) -> Submitted:
    if review.customer_id != customer.pk:
        raise InvalidReview("reference", "belongs to another customer's review")
    said = {"rating": rating, "title": title[:200], "body": body}
    changed = {name: value for name, value in said.items() if value and getattr(review, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(review, name, value)
        _save(review, now)
    return Submitted(review, created=False)


def _is_proven(customer: Customer, product: Product | None, purchase: Purchase | None) -> bool:
    if purchase is not None:
        return purchase.customer_id == customer.pk
    return product is not None and customer.purchases.counted().filter(items__product=product).exists()


def _save(review: Review, now: datetime) -> Review:
    review.facts_deferred = True
    review.save()
    log.record_many(review.facts(), now=now)
    return review
